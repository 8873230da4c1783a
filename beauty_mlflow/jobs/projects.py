"""Jobs that need no run of their own, but use the one that `mlflow run` has made for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from beauty_mlflow.jobs.parameters import Parameters, Summary
from beauty_mlflow.progress import console_progress
from beauty_mlflow.tracking.launcher import project_run_id

if TYPE_CHECKING:
    from beauty_mlflow.data.splits.manifest import Split
    from beauty_mlflow.tracking.runs import Run


class Project:
    """The run that `mlflow run` made, or none; its description says what the job does and leads to what it logged."""

    progress = staticmethod(console_progress)

    def __init__(self, run: "Run | None", parameters: Parameters) -> None:
        self.run = run
        self._parameters = parameters
        self._links: list[str] = []
        self._describe()

    def log_split(self, split: "Split") -> None:
        """Log the manifest, if there is a run."""
        if self.run is not None:
            from beauty_mlflow.jobs.artifacts import log_split
            from beauty_mlflow.tracking import names

            log_split(self.run, split)
            self._lead_to("the manifest", names.MANIFEST)

    def log_checkup(self, folder: Path) -> None:
        """Log the files of a check-up that was written, if there is a run."""
        if self.run is not None:
            from beauty_mlflow.data.checkup.writing import FILES, PAGE
            from beauty_mlflow.tracking import names

            for file in FILES:
                self.run.log_file(folder / file, names.CHECK_FOLDER)
            self._lead_to("the check-up", f"{names.CHECK_FOLDER}/{PAGE}")

    def summary(self) -> Summary:
        """Return the summary's last line, if there is a run."""
        return [] if self.run is None else [("run_id", self.run.run_id)]

    def _lead_to(self, words: str, artifact: str) -> None:
        if self.run is not None:
            self._links.append(self.run.link(words, artifact))
            self._describe()

    def _describe(self) -> None:
        if self.run is not None:
            what = (type(self._parameters).__doc__ or self._parameters.job).splitlines()[0]
            see = f" See {', '.join(self._links)}." if self._links else ""
            self.run.describe(f"{what}{see}", self._parameters.command())


@contextmanager
def in_project_run(parameters: Parameters) -> Iterator[Project]:
    """Yield the project; the run gets the parameters and ends as the work does."""
    if not project_run_id():  # asked first, so that MLflow isn't imported for nothing
        yield Project(None, parameters)
        return
    from beauty_mlflow.tracking.ending import tracked
    from beauty_mlflow.tracking.runs import Run
    from beauty_mlflow.tracking.store import connect

    run = Run.current(connect())
    with tracked(run):
        run.log_parameters(parameters.as_text())
        yield Project(run, parameters)
