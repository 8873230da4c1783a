import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lacking import lacks

from beauty_mlflow.data.splits.manifest import write_split
from beauty_mlflow.data.splits.splitting import SplitOptions, split_data
from beauty_mlflow.progress import silent_progress

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # for what the tests share with the fork server's children

from places import Place  # noqa: E402

DISK_BYTES = 256 * 2**20


@pytest.fixture(scope="session")
def fault_pictures(draw_sample):
    """A sample that takes a while."""
    return draw_sample(classes=4, images=30)


@pytest.fixture(scope="session")
def fault_manifest(fault_pictures):
    path = fault_pictures.parent / "split.csv"
    options = SplitOptions(train=0.4, val=0.2, test=0.4)
    write_split(split_data(fault_pictures, options, silent_progress).split, path)
    return path


@pytest.fixture(scope="session")
def place_folder(tmp_path_factory):
    """Where all places are, one after the other: a store knows its path, and what is prepared is so for all tests."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def make_place(place_folder, fork_server, fault_pictures, fault_manifest, sqlite_template):
    """Make a place with nothing in it but a store that has its tables; rooms may be elsewhere."""

    def make(**elsewhere):
        place = Place(place_folder, fork_server, fault_manifest, fault_pictures, elsewhere)
        place.empty()
        shutil.copy(sqlite_template, place / "store" / "mlflow.db")
        return place

    return make


@pytest.fixture
def place(make_place):
    return make_place()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, which can be filled."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        lacks(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    yield SmallDisk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


class SmallDisk:
    def __init__(self, folder):
        self.folder = folder
        self._filler = folder / "somebody's"

    @property
    def used(self):
        usage = shutil.disk_usage(self.folder)
        return usage.total - usage.free

    def leave(self, free):
        """Fill it but for so many bytes."""
        with self._filler.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(self.folder).free - free)

    def clear(self):
        self._filler.unlink(missing_ok=True)
