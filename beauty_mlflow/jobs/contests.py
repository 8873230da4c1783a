"""Who competes for a promotion, and on which pictures."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from beauty_mlflow.data.sources.locations import Location, locate
from beauty_mlflow.data.splits.manifest import Split, is_manifest
from beauty_mlflow.data.splits.splitting import open_data
from beauty_mlflow.errors import DataError, ParameterError
from beauty_mlflow.jobs.contenders import PART, Contender, contender
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.promote import Promote
from beauty_mlflow.progress import console_progress
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.finding import best_trained, experiments, find_runs
from beauty_mlflow.tracking.registry import CHAMPION, Registry, Version
from beauty_mlflow.tracking.store import Store


@dataclass(frozen=True)
class Contest:
    """Two models and the pictures that decide between them.

    Args:
        candidate: Who wants to be the champion.
        champion: Who is; None where nobody is yet.
        version: The champion's.
        split: The data.
        rows: Of its test part, those that neither model has seen.
        seen: How many pictures of the test part each model has seen, by its role; one of which nobody knows is missing.
        uses: How many promotions this test part has decided before.
        notes: What must be said about the pictures.
    """

    candidate: Contender
    champion: Contender | None
    version: Version | None
    split: Split
    rows: pd.DataFrame
    seen: dict[str, int]
    uses: int
    notes: list[str]

    def facts(self, name: str, *, linked: bool = False) -> list[tuple[str, str]]:
        """Say who competes on what, as (name, value), for the registered model of that name.

        ``linked`` gives runs as Markdown that leads to them in MLflow's UI.
        """
        champion = "none yet"
        if self.champion and self.version:
            champion = f"{_origin(self.champion, linked=linked)} (version {self.version.number})"
        return [
            ("registered model", name),
            ("candidate", _origin(self.candidate, linked=linked)),
            ("champion", champion),
            (
                "pictures",
                f"{len(self.rows)} of the test part of {self.split.folder.name} ({self.split.fingerprint[:12]})",
            ),
            ("left out", self.left_out),
        ]

    @property
    def left_out(self) -> str:
        """How many pictures were left out because a model has seen them, in words."""
        counts = [f"{count} that the {role} has seen" for role, count in self.seen.items()]
        return ", ".join(counts) or "unknown"


def open_contest(store: Store, registry: Registry, parameters: Promote) -> Contest | None:
    """Find both models and the pictures; None where the candidate is the champion already.

    Raises:
        TrackingError: There is no such candidate, or it can't take part.
        DataError: No picture is left.
    """
    version = registry.find(CHAMPION)
    candidate = contender(store, "candidate", _candidate_uri(store, parameters), allow_foreign=parameters.allow_foreign)
    champion = contender(store, "champion", version.uri, allow_foreign=parameters.allow_foreign) if version else None
    if champion is not None and _same(candidate, champion):
        return None
    split = _data(candidate, parameters)
    rows, seen, notes = _unseen(split, candidate, champion)
    looks = find_runs(
        store, experiments(store), {names.TEST_DIGEST: split.digest(PART)}, "attributes.status = 'FINISHED'"
    )
    uses = sum(1 for _ in looks)
    return Contest(candidate, champion, version, split, rows, seen, uses, notes)


def _candidate_uri(store: Store, parameters: Promote) -> str:
    if parameters.candidate:
        if parameters.study or parameters.experiment:
            raise ParameterError("candidate names the model, so experiment and study say nothing; leave them out.")
        return parameters.candidate
    return best_trained(store, experiments(store, parameters.experiment), parameters.study).run_id


def _same(one: Contender, other: Contender) -> bool:
    return (one.model.model_id, one.model.location) == (other.model.model_id, other.model.location)


def _data(candidate: Contender, parameters: Promote) -> Split:
    if parameters.data:
        return _given(locate(parameters.data))
    if candidate.own is None:
        raise DataError("Nobody knows what the candidate was trained on, so it has no test part; give `data`.")
    return candidate.own


def _given(data: Location) -> Split:
    """Open a manifest, or what says its own parts, as it is; of anything else every picture is a test picture."""
    splitting = open_data(data, console_progress, check_pictures=False)
    split, notes = splitting.split, splitting.notes
    if not (data.is_file() and is_manifest(data)) and split.options["strategy"] != "given":
        split = replace(split, table=split.table.assign(part=PART), options={"strategy": "given"})
        notes = [f"'{data}' doesn't say which picture is for what: all {len(split.table)} are test pictures."]
    say_notes(notes)
    return split


def _unseen(
    split: Split, candidate: Contender, champion: Contender | None
) -> tuple[pd.DataFrame, dict[str, int], list[str]]:
    """Return the test part's rows less those that either model has seen, how many each has, and what must be said."""
    rows, counts, notes = split.rows(PART), {}, []
    if rows.empty:
        raise DataError(f"{split.folder} has no pictures in the part {PART}, so nothing can decide.")
    left = np.ones(len(rows), bool)
    for one in filter(None, (candidate, champion)):
        if one.own is None:
            notes.append(f"WARNING: nobody knows what the {one.role} was trained on: overlap unknown.")
            continue
        seen = rows["sha256"].isin(one.seen).to_numpy()
        left &= ~seen
        counts[one.role] = int(seen.sum())
        if seen.any():
            notes.append(
                f"{counts[one.role]} test pictures were left out: the {one.role} was trained or chosen on them."
            )
    if not left.any():
        raise DataError(
            f"No test picture is left: all {len(rows)} of {split.folder} were in the training or validation part of "
            "one of the models. Give `data` with pictures that are new to both."
        )
    return rows[left], counts, notes


def _origin(one: Contender, *, linked: bool) -> str:
    if one.training is None:
        return one.uri
    parameters = one.training.parameters()
    known = ", ".join(f"{name}={parameters[name]}" for name in ("network", "blocks") if name in parameters)
    run = one.training.link() if linked else f"run {one.training.run_id}"
    return f"{run} ({known})" if known else run
