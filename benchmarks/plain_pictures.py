"""plain.py's input path: a manifest's pictures as tf.data, decoded once, augmented by Keras's layers."""

import csv
import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import psutil
import tensorflow as tf
from plain import Settings

# shares of a full turn, of the side and of the size; the last: whether width and height have a zoom of their own
RANGES = {"thesis": (40 / 360, 0.2, 0.2, True), "light": (10 / 360, 0.05, 0.1, False)}
SHARE_OF_MEMORY = 0.5
MEASURED_SECONDS = 15.0
# tf.data's autotuning finds no more pictures a second than this, and on a busy machine the end of an epoch waits for
# its thread, up to several seconds: fixed numbers are faster
PARALLEL_CALLS, BATCHES_AHEAD = os.cpu_count() or 1, 2

Change = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Pictures:
    """Train and validation pictures; decoded ones are shared by all trials.

    Attributes:
        classes: How many classes there are.
        in_memory: Whether decoded pictures are kept, as they are if they take at most half of the free memory.
    """

    def __init__(self, settings: Settings) -> None:
        sidecar = json.loads(settings.manifest.with_suffix(".json").read_text())
        ids = {name: position for position, name in enumerate(sidecar["classes"])}
        with settings.manifest.open(newline="") as file:
            rows = list(csv.DictReader(file))
        self.classes = len(ids)
        self._settings = settings
        parts = ("train", "val", "test") if settings.test else ("train", "val")
        kept = [row for row in rows if row["part"] in parts]
        needed = len(kept) * settings.image_size**2 * 3
        self.in_memory = needed <= SHARE_OF_MEMORY * psutil.virtual_memory().available
        self._listed = {
            part: [(f"{sidecar['folder']}/{row['path']}", ids[row["class"]]) for row in kept if row["part"] == part]
            for part in parts
        }
        self._decoded = {part: self._decode(listed) for part, listed in self._listed.items()} if self.in_memory else {}

    def warm(self) -> float:
        """Decode whatever is kept in memory; return the seconds that took."""
        started = time.perf_counter()
        for dataset in self._decoded.values():
            dataset.reduce(0, lambda count, *_: count + 1)
        return time.perf_counter() - started

    def train(self, seed: int) -> tf.data.Dataset:
        """Return batches of (float32 [b, size, size, 3] in 0..255, int32 [b]), shuffled anew every epoch."""
        count = len(self._listed["train"])
        if self.in_memory:
            dataset = self._decoded["train"].shuffle(count, seed=seed)
        else:
            dataset = self._decode(_shuffled(self._listed["train"], seed))
        dataset = dataset.batch(self._settings.batch_size)
        augment = self._settings.augment
        change = _as_float if augment == "none" else _augmentation(augment, seed)
        return self._finished(dataset, change)

    def plain(self, part: str) -> tf.data.Dataset:
        """Return a part's batches in the manifest's order, not augmented."""
        dataset = self._decoded[part] if self.in_memory else self._decode(self._listed[part])
        dataset = dataset.batch(self._settings.batch_size)
        return self._finished(dataset, _as_float)

    def targets(self, part: str) -> tf.Tensor | list[int]:
        """Return a part's labels as the loss takes them, in the manifest's order."""
        return self._target(tf.constant(self.labels(part)))

    def labels(self, part: str) -> list[int]:
        """Return a part's class ids in the manifest's order."""
        return [label for _, label in self._listed[part]]

    def _finished(self, dataset: tf.data.Dataset, change: Change) -> tf.data.Dataset:
        options = tf.data.Options()
        options.autotune.enabled = False
        changed = dataset.map(change, num_parallel_calls=PARALLEL_CALLS)
        targeted = changed.map(lambda images, labels: (images, self._target(labels)))
        return targeted.prefetch(BATCHES_AHEAD).with_options(options)

    def _target(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(labels, self.classes) if self._settings.label_smoothing else labels

    def _decode(self, pictures: Sequence[tuple[str, int]] | tf.data.Dataset) -> tf.data.Dataset:
        size = self._settings.image_size

        def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            picture = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
            picture.set_shape((None, None, 3))
            resized = tf.image.resize(picture, (size, size))
            return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8), label

        dataset = pictures if isinstance(pictures, tf.data.Dataset) else _dataset(pictures)
        dataset = dataset.map(read, num_parallel_calls=PARALLEL_CALLS)
        return dataset.cache() if self.in_memory else dataset


def measure(settings: Settings) -> dict[str, Any]:
    """Return pictures a second that training batches come in with nobody using them, and how they are decoded."""
    pictures = Pictures(settings)
    decoding = pictures.warm()
    count, started = 0, 0.0
    for images, _ in pictures.train(settings.seed).repeat():
        if started:
            count += int(images.shape[0])
        else:  # the first batch pays for tracing
            started = time.perf_counter()
        if time.perf_counter() - started > MEASURED_SECONDS:
            break
    decoded = sum(len(pictures.labels(part)) for part in ("train", "val")) if pictures.in_memory else 0
    return {
        "pictures_a_second": count / (time.perf_counter() - started),
        "decoded_a_second": decoded / decoding if decoded else 0.0,
    }


def _dataset(pictures: Sequence[tuple[str, int]]) -> tf.data.Dataset:
    paths, labels = zip(*pictures, strict=True)
    return tf.data.Dataset.from_tensor_slices((list(paths), tf.constant(labels, tf.int32)))


def _shuffled(pictures: Sequence[tuple[str, int]], seed: int) -> tf.data.Dataset:
    return _dataset(pictures).shuffle(len(pictures), seed=seed)


def _as_float(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.cast(images, tf.float32), labels


def _augmentation(augment: str, seed: int) -> Change:
    rotation, shift, zoom, each = RANGES[augment]
    layers = [
        keras.layers.RandomFlip("horizontal", seed=seed),
        keras.layers.RandomRotation(rotation, fill_mode="nearest", seed=seed + 1),
        keras.layers.RandomTranslation(shift, shift, fill_mode="nearest", seed=seed + 2),
        keras.layers.RandomZoom((-zoom, zoom), (-zoom, zoom) if each else None, fill_mode="nearest", seed=seed + 3),
    ]

    def change(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.cast(images, tf.float32)
        for layer in layers:
            images = layer(images, training=True)
        return images, labels

    return change
