"""Jobs that need no run of their own, but use the one that `mlflow run` has made for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from beauty_mlflow.data.progress import console_progress
from beauty_mlflow.jobs.parameters import Parameters, Summary
from beauty_mlflow.tracking.launcher import project_run_id

if TYPE_CHECKING:
    from beauty_mlflow.data.splits.manifest import Split
    from beauty_mlflow.tracking.runs import Run


class Project:
    """The run that `mlflow run` made, or none."""

    progress = staticmethod(console_progress)

    def __init__(self, run: "Run | None") -> None:
        self.run = run

    def log_split(self, split: "Split") -> None:
        """Log the manifest, if there is a run."""
        if self.run is not None:
            from beauty_mlflow.jobs.artifacts import log_split

            log_split(self.run, split)

    def log_checkup(self, folder: Path) -> None:
        """Log the files of a check-up that was written, if there is a run."""
        if self.run is not None:
            from beauty_mlflow.data.checkup.writing import FILES
            from beauty_mlflow.tracking import names

            for file in FILES:
                self.run.log_file(folder / file, names.CHECK_FOLDER)

    def summary(self) -> Summary:
        """Return the summary's last line, if there is a run."""
        return [] if self.run is None else [("run_id", self.run.run_id)]


@contextmanager
def in_project_run(parameters: Parameters) -> Iterator[Project]:
    """Yield the project; the run gets the parameters and ends as the work does."""
    if not project_run_id():  # asked first, so that MLflow isn't imported for nothing
        yield Project(None)
        return
    from beauty_mlflow.tracking.ending import tracked
    from beauty_mlflow.tracking.runs import Run
    from beauty_mlflow.tracking.store import connect

    run = Run.current(connect())
    with tracked(run):
        run.log_parameters(parameters.as_text())
        yield Project(run)
