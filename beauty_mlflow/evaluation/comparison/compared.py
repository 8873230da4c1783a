"""One training as figures and tables of several show it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers, and its 95 % interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Compared:
    """A training; what isn't known is None.

    Attributes:
        run: Its id.
        name: What it is called.
        experiment: What its experiment is called.
        data: What its data is called.
        pictures: What identifies its validation pictures and their classes: equal ones can be compared.
        train: What identifies its training pictures and their classes.
        grouped: Whether its classes are groups of other classes.
        network: Its network.
        recipe: How it was trained.
        blocks: How many blocks, from the top, were trained; None where it is no such training.
        accuracy: On the training pictures, in the kept epoch.
        loss: What was minimised on the same pictures in that epoch, in nats.
        val_accuracy: The kept model's on the validation pictures.
        val_loss: The same pictures' loss, in nats.
        best_epoch: The kept one, counted from 1.
        epochs: How many there were.
        hours: How long they took; what is made once before the first isn't in it.
        parameters: The network's size.
        pictures_per_second: In training, validation not counted.
        train_pictures: How many it was trained on.
        test: The kept model's on the test pictures.
        weights: Where the training began; empty where nobody said.
        image_size: Side of the square pictures, in pixels.
        unfreeze: The inner range of the network that was trained; empty where it was none.
        plain_loss: Whether ``loss`` is plain cross-entropy, as ``val_loss`` is: without label smoothing and weights.
    """

    run: str
    name: str
    experiment: str
    data: str
    pictures: str
    train: str
    grouped: bool
    network: str
    recipe: str
    blocks: int | None
    accuracy: float | None
    loss: float | None
    val_accuracy: Accuracy
    val_loss: float | None
    best_epoch: int
    epochs: int
    hours: float
    parameters: int | None = None
    pictures_per_second: float | None = None
    train_pictures: int | None = None
    test: Accuracy | None = None
    weights: str = ""
    image_size: int | None = None
    unfreeze: str = ""
    plain_loss: bool = True
