import os
import random
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.augmentation import transforms
from beauty_mlflow.data.decoded import keep_decoded
from beauty_mlflow.data.images import load
from beauty_mlflow.data.warping import warp
from beauty_mlflow.errors import DataError, NoRoomError
from beauty_mlflow.features.activations import Versions, is_stored, keep_versions, keys_at
from beauty_mlflow.features.boundaries import trunk_below
from beauty_mlflow.features.trunk import View
from beauty_mlflow.progress import silent_progress

KILLS = int(os.environ.get("KILLS", "3"))
MOST_IN_A_ROW = 3  # kills before the pass is finished


@pytest.fixture
def versions(make_pictures):
    """40 training pictures, more than a batch of the pass, in two views, and 5 for validation."""
    return Versions(make_pictures(), make_pictures(5, "validation", seed=1), "thesis", seed=3, views=2)


@pytest.fixture
def keep(cache):
    """Make a function that keeps activations and reads all of them; rows are in the pictures' order."""

    def keep(trunk, names, versions, decoded=None, progress=silent_progress):
        kept = keep_versions(cache, trunk, names, versions, decoded=decoded, progress=progress)
        found = {
            name: [rows.read(np.arange(len(pictures))) for rows, (pictures, _) in zip(found, versions, strict=True)]
            for name, found in kept.items()
        }
        for rows in (rows for found in kept.values() for rows in found):
            rows.close()
        return found

    return keep


def computed(trunk, boundary, pictures, view):
    """Each picture's activations, from the network itself, unfolded and with no cache."""
    images = np.stack([load(pictures.folder / path, trunk.size, trunk.resize) for path in pictures.paths])
    if view.augment != "none":
        rows = transforms(pictures.keys, size=trunk.size, augment=view.augment, seed=view.seed, view=view.number)
        images = warp(images, rows)
    return np.asarray(trunk_below(trunk.model, trunk.network, boundary)(images, training=False))


@pytest.mark.parametrize("augment", ["thesis", "light", "none"])
def test_rows_are_the_trunks_output_for_each_view(make_trunk, versions, keep, augment):
    """Training pictures augmented, validation pictures as they are, within what float16 and folding round away."""
    trunk, versions = make_trunk(), replace(versions, augment=augment, views=1 if augment == "none" else 2)
    kept = keep(trunk, ["conv1", "pooled"], versions)
    assert list(kept) == ["conv1", "pooled"]
    for name, found in kept.items():
        for rows, (pictures, view) in zip(found, versions, strict=True):
            wanted = computed(trunk, name, pictures, view)
            np.testing.assert_allclose(rows, wanted, rtol=2e-3, atol=1e-3 * np.ptp(wanted), err_msg=f"{name} {view}")
    assert augment == "none" or not np.array_equal(*kept["conv1"][:2])


def test_the_views_come_first_then_the_validation_pictures(versions):
    """Views count from 0; validation pictures have one version, whatever the seed."""
    assert [view for _, view in versions] == [View("thesis", 3, 0), View("thesis", 3, 1), View()]
    assert versions.rows == 85


def test_stored_is_what_is_there_in_all_its_versions(make_trunk, versions, keep, cache):
    """One view more, and it isn't. What is stored is held open, so that nobody takes its room meanwhile."""
    trunk = make_trunk()
    with ExitStack() as held:
        assert not is_stored(cache, trunk, "conv2", versions, held)
        keep(trunk, ["conv2"], versions)
        assert not is_stored(cache, trunk, "conv1", versions, held)
        assert not is_stored(cache, trunk, "conv2", replace(versions, views=3), held)
        assert cache.usage().in_use == 0
        assert is_stored(cache, trunk, "conv2", replace(versions, views=1), held)
        assert is_stored(cache, trunk, "conv2", versions, held)
        assert cache.usage().in_use == cache.usage().bytes
    assert cache.usage().in_use == 0
    assert len(set(keys_at(trunk, "conv2", versions))) == 3


def test_what_fitted_is_let_go_where_the_rest_does_not_fit(make_trunk, versions, tmp_path):
    """A later view has no room: nobody keeps the earlier ones in use."""
    cache = Cache(tmp_path / "cache", budget_bytes=30_000)
    with pytest.raises(NoRoomError, match=r"doesn't fit in the cache: its budget is 30 kB, of which .* is in use"):
        keep_versions(cache, make_trunk(), ["conv2"], versions, decoded=None, progress=silent_progress)
    assert cache.usage().in_use == 0
    assert cache.stored("activations") != []


def test_merged_classes_and_renamed_files_find_their_rows(make_trunk, versions, keep):
    """The pictures come in another order then; each gets its own row, and nothing is computed: the files are gone."""
    trunk, order = make_trunk(), np.random.default_rng(0).permutation(40)
    before = keep(trunk, ["conv2"], versions)["conv2"]
    grouped = replace(versions, train=replace(versions.train.select(order), folder=Path("gone")))
    for found, wanted in zip(keep(trunk, ["conv2"], grouped)["conv2"][:2], before, strict=False):
        np.testing.assert_array_equal(found, wanted[order])


def test_decoded_pictures_give_the_same_rows(make_trunk, versions, keep, tmp_path):
    """Where the training pictures were decoded before, their files aren't read again."""
    trunk, train = make_trunk(), versions.train
    expected = keep(trunk, ["conv2"], versions)["conv2"]
    elsewhere = Cache(tmp_path / "elsewhere")
    decoded = keep_decoded(elsewhere, train, 16, "squash")
    for path in train.paths:
        (train.folder / path).unlink()
    kept = keep_versions(elsewhere, trunk, ["conv2"], versions, decoded=decoded, progress=silent_progress)["conv2"]
    for rows, wanted in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(rows.read(np.arange(len(wanted))), wanted)
        rows.close()
    decoded.close()


def test_all_views_go_through_one_graph(make_trunk, versions, keep):
    """Smaller last batches and smaller parts included."""
    trunk = make_trunk()
    keep(trunk, ["conv2", "pooled"], versions)
    assert trunk.compute(["conv2", "pooled"]).experimental_get_tracing_count() == 1


def test_a_picture_that_broke_is_named(make_trunk, versions, keep):
    """Once it is mended, the pass goes on."""
    trunk = make_trunk()
    broken = versions.train.folder / "7.png"
    good = broken.read_bytes()
    broken.write_bytes(good[:30])
    with pytest.raises(DataError, match=r"/7\.png' can't be used: .*Restore it"):
        keep(trunk, ["conv2"], versions)
    broken.write_bytes(good)
    rows = keep(trunk, ["conv2"], versions)["conv2"][0]
    wanted = computed(trunk, "conv2", versions.train, View("thesis", 3, 0))
    np.testing.assert_allclose(rows, wanted, rtol=2e-3, atol=1e-3 * np.ptp(wanted))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_killed_pass_goes_on_and_ends_with_the_same_bytes(make_pictures, tmp_path):
    """SIGKILL at random moments: each time what is on disk is kept, and the end is that of a pass left in peace."""
    pictures = make_pictures(500)
    seed = time.time_ns() % 2**32
    moments = random.Random(seed)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(pictures.folder)]
    nothing, peace = left_in_peace([*command, tmp_path / "peace"])
    assert nothing == 0
    for before in range(0, KILLS, MOST_IN_A_ROW):
        again = [*command, tmp_path / f"killed-{before}"]
        starts = [killed(again, moments) for _ in range(min(MOST_IN_A_ROW, KILLS - before))]
        start, digests = left_in_peace(again)
        assert starts == sorted(starts)
        assert start >= max(*starts, 1)
        assert digests == peace


def killed(command, moments):
    """The row at which a pass begins that is killed after some batches."""
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [worker.stdout.readline() for _ in range(1 + moments.randint(1, 3))]
    time.sleep(moments.uniform(0, 0.05))
    worker.kill()
    _, errors = worker.communicate()
    assert worker.returncode == -9, f"the kill came too late: {lines} {errors}"
    return int(lines[0])


def left_in_peace(command):
    """The row at which a pass begins, and the digests of what it has kept."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[0]), re.search("^digests (.*)$", done.stdout, re.MULTILINE)[1]
