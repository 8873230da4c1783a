"""Predicting any number of pictures. TensorFlow is imported only once model and pictures have been found."""

import hashlib
import time
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from beauty_mlflow.data.readers.unlabelled import Unlabelled, list_unlabelled
from beauty_mlflow.data.regular import hash_regular
from beauty_mlflow.data.sources.locations import locate
from beauty_mlflow.data.sources.reading import read_ahead
from beauty_mlflow.data.wording import shown
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.outputs import require_absent
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.predict import Predict
from beauty_mlflow.jobs.prediction_parts import ROWS, Parts, open_parts
from beauty_mlflow.jobs.projects import in_project_run
from beauty_mlflow.progress import ProgressBar, console_progress
from beauty_mlflow.serving.answers import Answer, no_answer
from beauty_mlflow.serving.package import DESCRIPTION_FILE, MODEL_FILE, read_description
from beauty_mlflow.serving.versions import find_model_version
from beauty_mlflow.tracking.models import fetch_model
from beauty_mlflow.tracking.store import connect


def predict_pictures(parameters: Predict) -> Summary:
    """Write a table with a row for each picture, broken ones with the reason; go on where the same was interrupted.

    Raises:
        DataError: ``out`` exists, there is no picture, or what was interrupted was something else.
        TrackingError: The model can't be had.
        ModelError: It is damaged.
    """
    out = Path(parameters.out)
    with in_project_run(parameters) as project:
        require_absent(out)
        store = connect()
        say_notes(store.notes)
        package = fetch_model(store, parameters.model)
        top = min(parameters.top, len(read_description(package).classes))
        pictures = list_unlabelled(locate(parameters.data, keeps=False), parameters.part)
        say_notes(pictures.notes)
        with open_parts(out, _plan(parameters, package, pictures)) as parts:
            model, speed = _predict(parameters, package, pictures, parts)
            counts = parts.join(len(pictures), top)
    return [
        ("out", out),
        ("pictures", counts.rows),
        ("errors", counts.errors),
        ("abstained", counts.abstained),
        ("pictures/s", f"{speed:.1f}"),
        ("model", model),
        *project.summary(),
    ]


def _plan(parameters: Predict, package: Path, pictures: Unlabelled) -> dict[str, str]:
    files = [hash_regular(package / name) for name in (MODEL_FILE, DESCRIPTION_FILE)]
    return {
        "model": f"{find_model_version(package)} (sha256 {_digest(files)[:16]})",
        "data": shown(str(locate(parameters.data).absolute())),
        "part": parameters.part,
        "the list of pictures": f"{len(pictures)} (sha256 {_digest(_listed(pictures))[:16]})",
        "top": str(parameters.top),
    }


def _listed(pictures: Unlabelled) -> Iterator[str]:
    return chain(pictures.paths, chain.from_iterable(pictures.rejected))


def _digest(texts: "Iterator[str] | list[str]") -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8") + b"\0")
    return digest.hexdigest()


def _predict(parameters: Predict, package: Path, pictures: Unlabelled, parts: Parts) -> tuple[str, float]:
    """Write the parts that are missing; return the model's version and the pictures a second."""
    from beauty_mlflow.serving.pyfunc import load_classifier

    classifier = load_classifier(package)
    total, begun = len(pictures), parts.done
    if begun:
        say_notes([f"going on after {begun} of {total} pictures, which an interrupted command has predicted"])
    start = time.perf_counter()
    try:
        with (
            console_progress("Predicting", total - begun) as bar,
            read_ahead(pictures.folder, pictures.paths[begun:]) as files,
        ):
            answers = classifier.classify_files(files, top=parameters.top, batch_size=parameters.batch_size)
            rows = _counted(_rows(pictures, begun, answers, classifier.model_version), bar)
            while part := list(islice(rows, ROWS)):
                parts.append(part)
    except BaseException:
        if parts.done:
            say_notes([f"{parts.done} of {total} pictures are predicted; the same command goes on with the others"])
        raise
    return classifier.model_version, (total - begun) / (time.perf_counter() - start)


def _counted(rows: Iterator[tuple[str, Answer]], bar: ProgressBar) -> Iterator[tuple[str, Answer]]:
    for row in rows:
        yield row
        bar.update()


def _rows(
    pictures: Unlabelled, begin: int, answers: Iterator[Answer], model_version: str
) -> Iterator[tuple[str, Answer]]:
    yield from zip(islice(pictures.paths, begin, None), answers, strict=True)
    for path, reason in pictures.rejected[max(0, begin - len(pictures.paths)) :]:
        yield path, no_answer(reason, model_version)
