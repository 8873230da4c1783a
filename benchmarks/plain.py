"""The opponent: a depth sweep as a good engineer writes it with Keras, Optuna and MLflow, nothing of ours in its path.

    python benchmarks/plain.py --manifest split.csv --network inception_v3 --weights first.weights.h5 \
        --depths 0,1,2,3 --epochs 10 --json plain.json

Of beauty_mlflow it takes what both sides of a comparison must share: the manifest, the network's graph (to which the
file of initial weights belongs) and where its blocks end. Pictures are decoded in parallel and, if they fit, kept in
memory; Keras's own layers augment them within the thesis's ranges, a batch at a time in parallel threads, which is the
fastest form of them that was found: --measure-input says how many pictures a second that gives alone.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from machine import facts, write_json

from beauty_mlflow.networks.table import NETWORKS, Scaling, get_network
from beauty_mlflow.training.precision import resolve_precision

BatchNorm = Literal["train", "frozen"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Augment = Literal["thesis", "light", "none"]
OPTIMIZERS = ("rmsprop", "adam", "adamw", "nadam", "sgd", "adagrad")


@dataclass(frozen=True)
class Settings:
    """A sweep.

    Attributes:
        manifest: A split's ``.csv``; its ``.json`` stands beside it.
        network: A name of the package's table.
        weights: ``.weights.h5`` of the whole network, from which every depth starts; None for random ones.
        depths: Numbers of blocks to train, counted from the top; 0 is the head only.
        epochs: Of every trial.
        batch_size: Pictures a step.
        optimizer: One of ``OPTIMIZERS``.
        learning_rate: Constant.
        batch_norm: Whether batch normalisation trains in trained blocks.
        scaling: How the network scales pixels.
        image_size: Side of the pictures, in pixels.
        dropout: Before the dense layer.
        dense_units: Of the dense layer before the softmax.
        precision: What the trunk computes in; ``auto`` is the fastest that the machine computes natively.
        features_once: At depth 0, pictures go through the trunk once, as they are, and the head trains on that.
        augment: How far training pictures are augmented, as the package's recipes do it.
        label_smoothing: In the loss.
        patience: Epochs without a lower val_loss before a trial stops; 0 for never.
        prune: Whether Optuna ends trials that lag behind the median.
        test: Whether each trial's best weights are measured on the test part as well.
        seed: Of weights, order, augmentation, dropout and the order of trials.
        tracking: MLflow's tracking URI.
    """

    manifest: Path
    network: str = "inception_v3"
    weights: Path | None = None
    depths: tuple[int, ...] = (0, 1, 2, 3)
    epochs: int = 10
    batch_size: int = 64
    optimizer: str = "rmsprop"
    learning_rate: float = 2e-4
    batch_norm: BatchNorm = "train"
    scaling: Scaling = "unit"
    image_size: int = 299
    dropout: float = 0.2
    dense_units: int = 512
    precision: Precision = "float32"
    features_once: bool = False
    augment: Augment = "thesis"
    label_smoothing: float = 0.0
    patience: int = 0
    prune: bool = False
    test: bool = False
    seed: int = 0
    tracking: str = "sqlite:///plain.db"


def sweep(settings: Settings) -> dict[str, Any]:
    """Train once for each depth and log everything to MLflow, the best model included.

    Returns:
        ``seconds`` of everything but imports; ``input_seconds`` until the decoded pictures were in memory, 0 where
        they don't fit; ``trials``, by depth: blocks, best_val_loss, best_val_accuracy (of the epoch with the lowest
        val_loss, whose weights are kept), seconds, epochs, and ``history``: for each epoch its metrics and ``at``,
        seconds since the sweep began; ``test_accuracy`` if asked for.
    """
    from plain_training import run_sweep

    return run_sweep(settings)


def main(description: str | None = __doc__, **defaults: Any) -> None:  # noqa: ANN401 - values of any option
    """Read the command line, run what it asks for, and write JSON; ``defaults`` are another script's."""
    parser = _parser(description)
    parser.set_defaults(**defaults)
    given = vars(parser.parse_args())
    out, measure_input = given.pop("json"), given.pop("measure_input")
    given["image_size"] = given["image_size"] or get_network(given["network"]).image_size
    given["precision"] = resolve_precision(given["precision"])
    settings = Settings(**given)
    if measure_input:
        from plain_pictures import measure

        result = measure(settings)
    else:
        result = sweep(settings)
    shown = {name: value for name, value in result.items() if name != "trials"}
    print(", ".join(f"{name}: {value:.1f}" for name, value in shown.items()))
    for trial in result.get("trials", ()):
        print(f"blocks {trial['blocks']}: val_accuracy {trial['best_val_accuracy']:.4f}, {trial['seconds']:.1f} s")
    if out:
        described = {name: str(value) if isinstance(value, Path) else value for name, value in vars(settings).items()}
        write_json(out, {"machine": facts(), "settings": described, **result})


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--network", default=Settings.network, choices=NETWORKS)
    parser.add_argument("--weights", type=Path, help=".weights.h5 of the whole network; random where left out")
    parser.add_argument("--depths", type=_depths, default=Settings.depths, help="as 0,1,2,3")
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--batch-size", type=int, default=Settings.batch_size)
    parser.add_argument("--optimizer", default=Settings.optimizer, choices=OPTIMIZERS)
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    parser.add_argument("--batch-norm", default=Settings.batch_norm, choices=get_args(BatchNorm))
    parser.add_argument("--scaling", default=Settings.scaling, choices=get_args(Scaling))
    parser.add_argument("--image-size", type=int, default=0, help="0 is the network's own")
    parser.add_argument("--dropout", type=float, default=Settings.dropout)
    parser.add_argument("--dense-units", type=int, default=Settings.dense_units)
    parser.add_argument("--precision", default=Settings.precision, choices=get_args(Precision))
    parser.add_argument("--features-once", action=argparse.BooleanOptionalAction, default=Settings.features_once)
    parser.add_argument("--augment", default=Settings.augment, choices=get_args(Augment))
    parser.add_argument("--label-smoothing", type=float, default=Settings.label_smoothing)
    parser.add_argument("--patience", type=int, default=Settings.patience, help="0 is no early stopping")
    parser.add_argument("--prune", action=argparse.BooleanOptionalAction, default=Settings.prune)
    parser.add_argument("--test", action=argparse.BooleanOptionalAction, default=Settings.test)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--tracking", default=Settings.tracking)
    parser.add_argument("--json", type=Path, help="where to write the result")
    parser.add_argument("--measure-input", action="store_true", help="measure the input path alone, train nothing")
    return parser


def _depths(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(depth) for depth in text.split(",")}))


if __name__ == "__main__":
    main()
