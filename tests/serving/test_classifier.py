import os
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest

from beauty_mlflow.data import images
from beauty_mlflow.errors import ModelError, ParameterError
from beauty_mlflow.networks.keras_file import load_keras_file
from beauty_mlflow.serving.classifier import BATCH_SIZE, Classifier
from beauty_mlflow.serving.package import MODEL_FILE, Description, save_package


@pytest.fixture
def classifier(package):
    return Classifier.load(package, model_version="beauty/3")


def test_probabilities_are_the_networks_own(classifier, network, make_picture):
    """One decoder, one scaling: what training's network gives for a picture is what is answered."""
    sources = [make_picture(seed) for seed in range(5)]
    decoded = np.stack([images.load(source, 16, "squash") for source in sources])
    expected = np.asarray(network(decoded.astype(np.float32), training=False))
    for reply, row in zip(classifier.classify(sources), expected, strict=True):
        assert {guess["label"] for guess in reply.top} == set(classifier.description.classes)
        for guess in reply.top:
            at = classifier.description.classes.index(guess["label"])
            assert guess["probability"] == pytest.approx(row[at], abs=1e-6)
        assert (reply.label, reply.probability) == (reply.top[0]["label"], reply.top[0]["probability"])
        assert (reply.error, reply.model_version, reply.abstained) == (None, "beauty/3", False)


def test_a_broken_picture_gets_an_error_for_itself_alone(classifier, make_picture):
    good = make_picture(1)
    bad = [b"", b"<html>", good[: len(good) // 2], None, float("nan"), "aGVsbG8=", 7]
    replies = classifier.classify([good, *bad, good])
    first, last = replies[0], replies[-1]
    assert replace(last, probability=first.probability, top=first.top) == first
    assert [guess["label"] for guess in last.top] == [guess["label"] for guess in first.top]
    for one, other in zip(last.top, first.top, strict=True):  # some processors round a batch's rows differently
        assert one["probability"] == pytest.approx(other["probability"], abs=2e-7)
    assert last.probability == last.top[0]["probability"]
    assert first.error is None
    for reply in replies[1:-1]:
        assert (reply.label, reply.probability, reply.top, reply.abstained) == (None, None, [], False)
        assert reply.error
        assert reply.model_version == "beauty/3"
    assert [reply.error for reply in replies[4:8]] == [
        "expected the bytes of a picture file, got nothing",
        "expected the bytes of a picture file, got nothing",
        "expected the bytes of a picture file, got str",
        "expected the bytes of a picture file, got int",
    ]


def test_only_broken_pictures_and_none_at_all(classifier):
    assert [reply.label for reply in classifier.classify([b"x", b"y"])] == [None, None]
    assert classifier.classify([]) == []


def test_decoding_takes_the_cores_that_the_process_may_use(package, make_picture):
    """Not all of the machine's."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        classifier = Classifier.load(package)
    finally:
        os.sched_setaffinity(0, allowed)
    before = set(threading.enumerate())
    classifier.classify([make_picture(seed) for seed in range(BATCH_SIZE)])
    assert len([thread for thread in set(threading.enumerate()) - before if thread.name.startswith("decode")]) == 1


def test_more_than_a_batch_comes_back_in_order(classifier, make_picture):
    sources = [make_picture(seed) if seed % 7 else b"broken" for seed in range(2 * BATCH_SIZE + 5)]
    replies = classifier.classify(sources)
    alone = [classifier.classify([source])[0] for source in sources]
    assert [reply.label for reply in replies] == [reply.label for reply in alone]
    assert [bool(reply.error) for reply in replies] == [source == b"broken" for source in sources]
    for together, single in zip(replies, alone, strict=True):
        assert together.probability == pytest.approx(single.probability, abs=1e-5)


def test_every_batch_size_runs_the_same_graph(classifier, make_picture):
    for n in (1, 2, 3, 7, BATCH_SIZE, BATCH_SIZE + 1):
        classifier.classify([make_picture()] * n)
    assert classifier._run.experimental_get_tracing_count() == 1


def test_threads_may_share_it(classifier, make_picture):
    sources = [make_picture(seed) for seed in range(12)]
    expected = [classifier.classify([source])[0] for source in sources]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda source: classifier.classify([source])[0], sources))
    assert found == expected


def test_requests_at_once_share_the_threads_that_decode(classifier, make_picture):
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda seed: classifier.classify([make_picture(seed)] * 20), range(6)))
    assert 0 < len(classifier._threads._threads) <= os.cpu_count()


def test_top_is_cut_to_what_was_asked_for_and_to_the_classes(classifier, make_picture):
    assert len(classifier.classify([make_picture()], top=2)[0].top) == 2
    assert len(classifier.classify([make_picture()], top=5)[0].top) == 3
    with pytest.raises(ParameterError, match="at least 1, got 0"):
        classifier.classify([make_picture()], top=0)


def test_temperature_and_threshold_of_the_package_are_used(tmp_path, network, about, make_picture):
    plain = Classifier(network, Description(**about)).classify([make_picture()])[0]
    save_package(tmp_path, network, **about, temperature=50.0, threshold=0.9)
    soft = Classifier.load(tmp_path).classify([make_picture()])[0]
    assert soft.label == plain.label
    assert soft.probability < plain.probability
    assert soft.abstained


def test_resizing_is_the_packages_own(network, about, make_picture):
    """A picture that isn't square gives different answers when padded, cropped and squashed."""
    wide = make_picture(4, size=(10, 60))
    replies = [
        Classifier(network, Description(**{**about, "resize": how})).classify([wide])[0]
        for how in ("squash", "pad", "crop")
    ]
    assert len({reply.probability for reply in replies}) == 3


def test_a_network_with_python_code_in_it_is_refused(package, tmp_path):
    keras.Sequential([keras.layers.Input((16, 16, 3)), keras.layers.Lambda(lambda x: x)]).save(package / MODEL_FILE)
    with pytest.raises(ModelError, match=r"model\.keras can't be loaded .*holds code"):
        Classifier.load(package)


@pytest.mark.parametrize("damage", ["empty", "cut", "no config", "text"])
def test_a_damaged_network_is_named(package, damage):
    path = package / MODEL_FILE
    content = path.read_bytes()
    if damage == "no config":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", "{}")
    else:
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "text": b"hello"}[damage])
    with pytest.raises(ModelError, match=r"model\.keras can't be loaded"):
        Classifier.load(package)


def test_a_missing_network_is_named(package):
    (package / MODEL_FILE).unlink()
    with pytest.raises(ModelError, match=r"model\.keras doesn't exist"):
        load_keras_file(package / MODEL_FILE)


def test_a_network_of_another_package_is_refused(package):
    keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]).save(
        package / MODEL_FILE
    )
    with pytest.raises(ModelError, match="don't belong together"):
        Classifier.load(package)


def test_files_are_answered_as_their_bytes_are(classifier, make_picture, tmp_path):
    """One decoder: a path or its content, in batches of any size; what can't be read is an error for itself."""
    for seed in range(23):
        (tmp_path / f"{seed}.png").write_bytes(make_picture(seed) if seed % 7 else b"broken")
    paths = [tmp_path / f"{seed}.png" for seed in range(23)]
    expected = classifier.classify([path.read_bytes() for path in paths], top=2)
    for batch_size in (1, 5, 23, 100):
        found = list(classifier.classify_files(paths, top=2, batch_size=batch_size))
        assert [(reply.label, reply.error) for reply in found] == [(reply.label, reply.error) for reply in expected]
        for one, other in zip(found, expected, strict=True):
            assert one.probability == pytest.approx(other.probability, abs=1e-6)
    missing = list(classifier.classify_files([tmp_path / "none.png"]))
    assert [reply.error for reply in missing] == ["no such file or directory"]
    assert list(classifier.classify_files([])) == []


def test_only_two_batches_of_files_are_looked_at_in_advance(classifier, make_picture, tmp_path):
    """Whoever has millions of them gets the first answer at once."""
    (tmp_path / "a.png").write_bytes(make_picture())
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield tmp_path / "a.png"

    answers = classifier.classify_files(endless(), batch_size=4)
    for number in range(1, 20):
        next(answers)
        assert len(taken) <= (number - 1) // 4 * 4 + 8
    answers.close()
