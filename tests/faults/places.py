"""A place for commands of their own: store, state, cache and what they write, always at the same paths."""

import os
import re
import shutil
from dataclasses import dataclass, field

import mlflow
from forks import STDERR, environment_of, started

ROOMS = ("store", "state", "cache", "out")


@dataclass
class Place:
    """Rooms that can be put back to what they were; a store knows its own path, so this is never another one.

    Args:
        folder: What holds the rooms.
        server: The fork server's folder.
        data: A manifest.
        pictures: A folder of class folders.
        elsewhere: Rooms that aren't in the folder.
    """

    folder: object
    server: object
    data: object
    pictures: object
    elsewhere: dict = field(default_factory=dict)

    def __post_init__(self):
        for room in ROOMS:
            (self / room).mkdir(parents=True, exist_ok=True)

    def __truediv__(self, room):
        return self.elsewhere.get(room, self.folder / room)

    @property
    def uri(self):
        return f"sqlite:///{self / 'store'}/mlflow.db"

    @property
    def client(self):
        return mlflow.MlflowClient(self.uri)

    @property
    def environment(self):
        return {
            **os.environ,
            **environment_of(self.server),
            "MLFLOW_TRACKING_URI": self.uri,
            "BEAUTY_STATE_DIR": str(self / "state"),
            "BEAUTY_CACHE_DIR": str(self / "cache"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_NUM_INTRAOP_THREADS": "1",  # what an interrupted run and one left in peace come to is the same then
            "TF_NUM_INTEROP_THREADS": "1",
        }

    @property
    def said(self):
        """What the command that was started last has said so far."""
        return (self.folder / STDERR).read_text()

    def started(self, arguments, **limits):
        """Start a command; yield it and a function that waits for its end and returns what it was."""
        options = {"folder": self / "out", "environment": self.environment, **limits}
        return started(self.server, arguments, self.folder, **options)

    def run(self, arguments, **limits):
        """Run a command to its end."""
        with self.started(arguments, **limits) as (_, ended):
            return ended()

    @property
    def needless_states(self):
        """What finished trainings have left on this machine to go on from."""
        finished = {run.info.run_id for run in self.runs() if run.info.status == "FINISHED"}
        return [folder for folder in (self / "state" / "runs").glob("*") if folder.name in finished]

    def prepare(self, work):
        """Let the rooms be as a work finds them; what is done for that is done once for all works that need it."""
        kept = self._kept(work)
        if kept.exists():
            self.put_back(work)
            return
        work.prepare(self)
        for room in ROOMS:
            shutil.copytree(self / room, kept / room, symlinks=True)

    def put_back(self, work):
        """Let the rooms be as a work found them; they stay the same folders."""
        self.empty()
        for room in ROOMS:
            shutil.copytree(self._kept(work) / room, self / room, symlinks=True, dirs_exist_ok=True)

    def _kept(self, work):
        return self.folder / "kept" / work.prepare.__name__

    def empty(self):
        """Let nothing be in the rooms."""
        for room in ROOMS:
            for path in (self / room).iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def runs(self, **tags):
        """Return MLflow's entities of the runs with these tags, oldest first."""
        experiment = self.client.get_experiment_by_name("beauty")
        if experiment is None:
            return []
        condition = " AND ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        found = self.client.search_runs([experiment.experiment_id], condition, max_results=1000)
        return sorted(found, key=lambda run: run.info.start_time)

    def artifacts(self, run):
        """Return the paths of a run's whole artifacts, but for those that carry the time in their name."""
        folder = self / "store" / "mlruns" / "beauty" / run.info.run_id / "artifacts"
        files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        return sorted(path for path in files if not re.match(r"images/|(.*/)?\.", path))
