"""How near each step is to what the machine could do: ours against the same work with nothing round it, in turn.

    python benchmarks/limits.py --data DIR --network inception_v3 --json FILE

- training: our fit on a tail that reads the cache, against a bare train_step on batches in memory;
- extraction: into the cache, against bare forward passes of the folded trunk; both from tensors already augmented;
- decoding: our datasets of decoded pictures, against a bare decode loop on as many threads;
- keeping: decoding into the cache, against such a loop that writes the same bytes to one file and syncs it;
- evaluation: our prediction, against a predict loop with batches of one picture, as the thesis had it.

Each ratio is ours / bare in pictures a second: above 1, ours is the faster one.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import facts, spread, table, write_json
from sides import prepare_manifest

from beauty_mlflow.networks.table import NETWORKS, get_network

Work = Callable[[], int]
"""Does the work once and returns for how many pictures."""


def main() -> None:
    """Measure each pair in turn, print the table and write JSON."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="limits-") as folder:
        _measure(given, Path(folder))


def _measure(given: argparse.Namespace, folder: Path) -> None:
    bench = Bench(given, folder)
    pairs = {
        "extraction": bench.extraction,
        "decoding": bench.decoding,
        "keeping": bench.keeping,
        "evaluation": bench.evaluation,
    }
    rows = {
        name: compared(bench.training(given.turns) if name == "training" else in_turn(*pairs[name](), given.turns))
        for name in given.steps
    }
    header = ["step", "ours, pictures/s", "bare, pictures/s", "ratio", "least", "most"]
    cells = [
        [name, row["ours"], row["bare"], row["ratio"], row["spread"]["min"], row["spread"]["max"]]
        for name, row in rows.items()
    ]
    print(table(header, cells))
    if given.json:
        settings = {name: str(value) for name, value in vars(given).items()}
        write_json(given.json, {"machine": facts(), "settings": settings, **rows})


def in_turn(ours: Work, bare: Work, turns: int) -> dict[str, list[float]]:
    """Return the rates of both, pictures a second, after one turn that isn't counted."""
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for turn in range(turns + 1):
        for name, work in (("ours", ours), ("bare", bare)):
            begun = time.perf_counter()
            count = work()
            if turn:
                rates[name].append(count / (time.perf_counter() - begun))
    return rates


def compared(rates: dict[str, list[float]]) -> dict[str, Any]:
    """Return the medians of both and their ratio, turn by turn."""
    ratios = spread([a / b for a, b in zip(rates["ours"], rates["bare"], strict=True)])
    medians = {name: spread(values)["median"] for name, values in rates.items()}
    return {**medians, "ratio": ratios["median"], "spread": ratios}


class Bench:
    """The pairs; what they share is made once."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        from beauty_mlflow.data.splits.manifest import read_split
        from beauty_mlflow.networks.building import build_transfer
        from beauty_mlflow.training.precision import resolve_precision

        self.given = given
        self.network = get_network(given.network)
        self.size = given.image_size or self.network.image_size
        self.folder = folder
        split = read_split(prepare_manifest(given.data, self.folder))
        train = split.part("train")
        self.pictures = train.select(np.arange(min(given.pictures, len(train))))
        self.classes = len(split.classes)
        self.precision = resolve_precision("auto")
        self.build = partial(
            build_transfer,
            self.network,
            classes=self.classes,
            image_size=self.size,
            scaling=self.network.scaling,
            dropout=0.2,
            dense_units=512,
            precision=self.precision,
            seed=0,
        )
        self._made = 0

    def training(self, turns: int) -> dict[str, list[float]]:
        """Return the rates of our fit's epochs and, after each of them, of bare train steps on the same batches."""
        from beauty_mlflow.data.row_batches import Order, row_batches
        from beauty_mlflow.features.boundaries import limit, tail_above
        from beauty_mlflow.networks.freezing import freeze
        from beauty_mlflow.networks.table import select_blocks
        from beauty_mlflow.training.loop import FitOptions, fit
        from beauty_mlflow.training.progress import SilentTraining

        unfrozen = select_blocks(self.network, blocks=self.given.blocks, unfreeze="")
        boundary = limit(self.network, unfrozen)
        ours, bare = (self.build() for _ in range(2))
        for model in (ours, bare):
            freeze(model, self.network, unfrozen, batch_norm="train")
        size = self.given.batch_size
        dataset = row_batches(self._keep(boundary), self.pictures, Order(size, shuffle=True), rows_a_call=size)
        epoch = self._bare_epoch(tail_above(bare, self.network, boundary), list(dataset))
        epoch()
        bare_rates: list[float] = []

        def then_bare(number: int, _: object) -> None:
            begun = time.perf_counter()
            epoch()
            if number > 1:  # the first epoch of ours pays for tracing
                bare_rates.append(len(self.pictures) / (time.perf_counter() - begun))

        result = fit(
            tail_above(ours, self.network, boundary),
            lambda _: dataset,
            dataset.take(1),
            options=FitOptions(optimizer="rmsprop", learning_rate=1e-5, epochs=turns + 1, patience=turns + 1),
            folder=self.folder / "state",
            report=then_bare,
            train_pictures=len(self.pictures),
            progress=SilentTraining(),
        )
        return {"ours": [record.images_per_second for record in result.history[1:]], "bare": bare_rates}

    def _bare_epoch(self, tail: Any, memory: list[Any]) -> Callable[[], None]:  # noqa: ANN401 - a Keras network
        import keras
        import tensorflow as tf

        from beauty_mlflow.training.optimizers import build_optimizer

        optimizer = build_optimizer("rmsprop", 1e-5)
        optimizer.build(tail.trainable_variables)
        loss = keras.losses.CategoricalCrossentropy()

        @tf.function(reduce_retracing=True)
        def step(rows: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                value = loss(labels, tail(rows, training=True))
            gradients = tape.gradient(value, tail.trainable_variables)
            optimizer.apply_gradients(zip(gradients, tail.trainable_variables, strict=True))
            return value

        def epoch() -> None:
            for rows, labels in memory:
                step(rows, labels)

        return epoch

    def extraction(self) -> tuple[Work, Work]:
        """Return filling a cache entry, and forward passes; both from augmented tensors in memory."""
        from beauty_mlflow.cache.store import Cache
        from beauty_mlflow.features.activations import BATCH_SIZE
        from beauty_mlflow.features.boundaries import trunk_below
        from beauty_mlflow.features.extraction import keep_activations
        from beauty_mlflow.features.folding import fold
        from beauty_mlflow.features.trunk import View
        from beauty_mlflow.progress import silent_progress

        trunk, boundary = self._trunk(), self.network.block_names[-2]
        memory = self._augmented(self.pictures.by_key, BATCH_SIZE)

        def ours() -> int:
            self._made += 1
            cache = Cache(self.folder / f"extraction-{self._made}")
            with silent_progress("", 0) as bar:
                kept = keep_activations(
                    cache, trunk, [boundary], self.pictures, View(), images=lambda _: iter(memory), bar=bar
                )
            kept[boundary].close()
            return len(self.pictures)

        import tensorflow as tf

        folded = fold(trunk_below(self.build(), self.network, boundary))
        forward = tf.function(
            lambda images: folded(images, training=False),
            input_signature=[tf.TensorSpec([None, self.size, self.size, 3], tf.float32)],
        )

        def bare() -> int:
            for images in memory:
                forward(images)
            return len(self.pictures)

        return ours, bare

    def decoding(self) -> tuple[Work, Work]:
        """Return reading pictures as training does where nothing is kept, and a decode loop."""
        from beauty_mlflow.data.pipeline import batches

        def ours() -> int:
            dataset = batches(self.pictures, size=self.size, resize="squash", batch_size=self.given.batch_size)
            return sum(len(images) for images, _ in dataset)

        def bare() -> int:
            return sum(1 for _ in self._decoded())

        return ours, bare

    def keeping(self) -> tuple[Work, Work]:
        """Return decoding into the cache, and a decode loop that writes the same bytes to one file and syncs it."""
        from beauty_mlflow.cache.store import Cache
        from beauty_mlflow.data.decoded import keep_decoded

        def folder() -> Path:
            self._made += 1
            return self.folder / f"kept-{self._made}"

        def ours() -> int:
            keep_decoded(Cache(folder()), self.pictures, self.size, "squash").close()
            return len(self.pictures)

        def bare() -> int:
            with folder().open("wb") as file:
                for image in self._decoded():
                    file.write(image.data)
                file.flush()
                os.fsync(file.fileno())
            return len(self.pictures)

        return ours, bare

    def _decoded(self) -> Iterator[np.ndarray]:
        from PIL import Image

        def decode(path: str) -> np.ndarray:
            with Image.open(self.pictures.folder / path) as picture:
                picture.draft(None, (2 * self.size, 2 * self.size))  # a large JPEG at a fraction of its size, as ours
                colours = picture.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
                return np.asarray(colours)

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            yield from threads.map(decode, self.pictures.paths)

    def evaluation(self) -> tuple[Work, Work]:
        """Return our prediction of a part, and Keras's predict for one decoded picture at a time."""
        from beauty_mlflow.data.images import load
        from beauty_mlflow.evaluation.predictions import predict

        model = self.build()
        some = self.pictures.select(np.arange(min(self.given.evaluated, len(self.pictures))))

        def ours() -> int:
            return len(predict(model, some, size=self.size, resize="squash", batch_size=128))

        def bare() -> int:
            for path in some.paths:
                image = load(some.folder / path, self.size, "squash")
                model.predict(image[None].astype(np.float32), verbose=0)
            return len(some)

        return ours, bare

    def _trunk(self) -> Any:  # noqa: ANN401 - a Trunk
        from beauty_mlflow.features.trunk import Trunk

        return Trunk(self.build(), self.network, self.size, "squash", self.network.scaling, self.precision)

    def _keep(self, boundary: str) -> Any:  # noqa: ANN401 - KeptRows
        from beauty_mlflow.cache.store import Cache
        from beauty_mlflow.features.activations import BATCH_SIZE
        from beauty_mlflow.features.extraction import keep_activations
        from beauty_mlflow.features.trunk import View
        from beauty_mlflow.progress import silent_progress

        memory = self._augmented(self.pictures.by_key, BATCH_SIZE)
        with silent_progress("", 0) as bar:
            kept = keep_activations(
                Cache(self.folder / "kept"),
                self._trunk(),
                [boundary],
                self.pictures,
                View(),
                images=lambda _: iter(memory),
                bar=bar,
            )
        return kept[boundary]

    def _augmented(self, numbers: np.ndarray, batch_size: int) -> list[Any]:
        from beauty_mlflow.data.pipeline import batches

        chosen = self.pictures.select(numbers)
        dataset = batches(chosen, size=self.size, resize="squash", batch_size=batch_size, augment="thesis")
        return [images for images, _ in dataset]


def _parser() -> argparse.ArgumentParser:
    steps = ["training", "extraction", "decoding", "keeping", "evaluation"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of class folders, or a manifest")
    parser.add_argument("--network", default="inception_v3", choices=NETWORKS)
    parser.add_argument("--image-size", type=int, default=0, help="0 is the network's own")
    parser.add_argument("--blocks", type=int, default=2, help="trained in the step training")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--pictures", type=int, default=256, help="at most so many of the training part")
    parser.add_argument("--evaluated", type=int, default=64, help="of them, in the step evaluation")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", nargs="+", default=steps, choices=steps)
    parser.add_argument("--json", type=Path, help="where to write the result")
    return parser


if __name__ == "__main__":
    main()
