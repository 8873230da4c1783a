"""A registered model: its versions, and the aliases that say which of them is in use.

MLflow's aliases have no compare-and-set: the last writer wins. So a move is written down before it is made (as a tag
of the registered model), is made by one process at a time, and one that a crash cut short is completed by the next.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from beauty_mlflow.errors import MissingError, TrackingError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.collisions import despite_others
from beauty_mlflow.tracking.failures import is_missing, translated
from beauty_mlflow.tracking.models import Located
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, alone
from beauty_mlflow.tracking.values import check_tags

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
SETTLE_SECONDS = 3.0  # on a server: who writes a move down in these seconds is seen by the other
ATTEMPTS = 3
LIVE_SECONDS = 300.0  # longer than a call to a failing server is tried again; an older move is a dead process's


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    name: str
    number: str
    run_id: str
    source: str

    @property
    def uri(self) -> str:
        """What names this version and no other."""
        return f"models:/{self.name}/{self.number}"


@dataclass(frozen=True)
class Move:
    """Where aliases go.

    Args:
        aliases: From an alias to its new version's number.
        before: What the aliases were when this was decided.
        run_id: The audit run.
        begun: Seconds since 1970.
    """

    aliases: Mapping[str, str]
    before: Mapping[str, str]
    run_id: str
    begun: float

    @property
    def champion(self) -> str:
        """The champion's number when this was decided; empty where there was none."""
        return self.before.get(CHAMPION, "")

    @property
    def new_champion(self) -> str:
        """Its number afterwards."""
        return self.aliases.get(CHAMPION, self.champion)


class Registry:
    """One registered model of a store.

    Every method raises TrackingError where the store refuses or doesn't answer.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store
        self._client = store.client

    def find(self, alias: str) -> Version | None:
        """Return the version that an alias points at, if there is one."""
        number = self._aliases().get(alias)
        return self._version(number) if number else None

    def require(self, alias: str) -> Version:
        """Return the version that an alias points at.

        Raises:
            TrackingError: There is none; the message names the aliases that there are.
        """
        aliases = self._aliases()
        if alias not in aliases:
            known = ", ".join(f"{one} (version {number})" for one, number in sorted(aliases.items())) or "none"
            raise TrackingError(f"The registered model '{self.name}' has no alias '{alias}'; it has: {known}.")
        return self._version(aliases[alias])

    def add(self, model: Located) -> Version:
        """Return the version that is this model, registered now where it isn't yet."""
        source = f"models:/{model.model_id}" if model.model_id else model.location
        with translated(f"register the model '{self.name}'"), alone(self._store.uri) as locked:
            self._make()
            if found := self._first_of(source):
                return found
            made = _version(
                self._client.create_model_version(
                    self.name,
                    source,
                    run_id=model.run_id or None,
                    model_id=model.model_id or None,
                )
            )
            first = made if locked else self._first_of(source) or made
            if first.number != made.number:  # another process was at it, too
                self._client.delete_model_version(self.name, made.number)
            return first

    def annotate(self, version: Version, tags: Mapping[str, str], description: str) -> None:
        """Set a version's tags and description, over what they were."""
        with translated(f"describe {version.uri}"), alone(self._store.uri):
            for name, value in check_tags(tags).items():
                despite_others(partial(self._client.set_model_version_tag, self.name, version.number, name, value))
            self._client.update_model_version(self.name, version.number, description)

    def is_or_was_champion(self, version: Version) -> bool:
        """Return whether champion or previous points at a version."""
        aliases = self._aliases()
        return version.number in (aliases.get(CHAMPION), aliases.get(PREVIOUS))

    def move(self, aliases: Mapping[str, str], *, champion: Version | None, run: Run) -> None:
        """Let aliases point at other versions, all of them or, until the next call of ``repair``, the first few.

        Args:
            aliases: From an alias to its new version's number.
            champion: The champion when this was decided.
            run: The audit run, which is FINISHED then: before the move is forgotten, so that no crash parts them.

        Raises:
            TrackingError: Another process has moved, or is moving, the champion.
        """
        decided_on = champion.number if champion else ""
        with alone(self._store.uri) as locked:
            wanted = self._write_down(aliases, decided_on, run, locked=locked)
            try:
                if not locked:
                    time.sleep(SETTLE_SECONDS)
                    self._require_written(wanted)
                    self._require_champion(decided_on)
            except BaseException:
                self._withdraw(wanted)
                raise
            self._point(wanted.aliases)
            run.finish("FINISHED")
            self._forget(wanted)

    def pending(self) -> str:
        """Return a sentence about the move that a crash has cut short, empty where there is none."""
        found = self._written()
        words = "is still to be completed or dropped, which the next promotion or rollback does"
        return f"The move of aliases that the run {found.run_id} had begun {words}." if found else ""

    def repair(self) -> str:
        """Complete or drop the move that a crash cut short; return a sentence about it, empty where there was none.

        It is dropped where its command has ended with an error, or its run was deleted, before the champion was moved,
        or somebody has moved the champion elsewhere meanwhile.

        Raises:
            TrackingError: The move is going on.
        """
        with alone(self._store.uri) as locked:
            return self._settle_interrupted(locked=locked)

    def _write_down(self, aliases: Mapping[str, str], decided_on: str, run: Run, *, locked: bool) -> Move:
        """Write a move down so soon after no other was seen that any other one is seen while it settles."""
        for _ in range(ATTEMPTS):
            begun = time.monotonic()
            self._settle_interrupted(locked=locked)
            self._require_champion(decided_on)
            wanted = Move(dict(aliases), self._aliases(), run.run_id, time.time())
            with translated(f"move the aliases of '{self.name}'"):
                written = json.dumps(asdict(wanted))
                despite_others(partial(self._client.set_registered_model_tag, self.name, names.PROMOTION_MOVE, written))
            if locked or time.monotonic() - begun < SETTLE_SECONDS / 2:
                return wanted
            self._withdraw(wanted)
        raise TrackingError(self._lost("the server is too slow to be sure that nobody else is moving it"))

    def _settle_interrupted(self, *, locked: bool) -> str:
        found = self._written()
        if found is None:
            return ""
        run = self._audit_run(found)
        status = run.status if run else None
        if not locked and status in ("RUNNING", None) and time.time() - found.begun < LIVE_SECONDS:
            raise TrackingError(self._lost(f"the run {found.run_id} is moving it at this moment"))
        now = self._aliases().get(CHAMPION, "")
        if now not in (found.champion, found.new_champion):
            status, words = "FAILED", f"was dropped: the champion is version {now} by now"
        elif status != "RUNNING" and now != found.new_champion:
            self._point({alias: found.before.get(alias, "") for alias in found.aliases})
            words = "was dropped, as its command ended with an error" if run else "was dropped"
        else:
            self._point(found.aliases)
            moved = ", ".join(f"{one} is version {to}" for one, to in found.aliases.items())
            status, words = "FINISHED", f"was completed: {moved}"
        if run and status:
            run.finish(status, {names.PROMOTION_REPAIRED: words})
        else:
            words += "; that run is deleted, so nothing but this sentence tells of it"
        self._forget(found)
        return f"The move of aliases that the run {found.run_id} had begun {words}."

    def _audit_run(self, move: Move) -> Run | None:
        """Return the run that has begun a move; None where it is deleted: what such a run is told, stores refuse."""
        try:
            return Run.find(self._store, move.run_id)
        except MissingError:
            return None

    def _withdraw(self, wanted: Move) -> None:
        with suppress(TrackingError):  # the error that is on its way says more
            self._forget(wanted)

    def _point(self, aliases: Mapping[str, str]) -> None:
        """Let each alias point at a version's number, or, where that is empty, at none."""
        with translated(f"move the aliases of '{self.name}'"):
            for alias, number in aliases.items():
                if number:
                    despite_others(partial(self._client.set_registered_model_alias, self.name, alias, number))
                else:
                    self._client.delete_registered_model_alias(self.name, alias)

    def _require_written(self, wanted: Move) -> None:
        if self._written() != wanted:
            raise TrackingError(self._lost("another process is moving it at this moment"))

    def _require_champion(self, decided_on: str) -> None:
        now = self._aliases().get(CHAMPION, "")
        if now != decided_on:
            words = f"it was {_number(decided_on)} when this was decided, and is {_number(now)} now"
            raise TrackingError(self._lost(words))

    def _lost(self, why: str) -> str:
        return f"The champion of '{self.name}' wasn't touched: {why}. Run the command again to decide anew."

    def _written(self) -> Move | None:
        model = self._fetch()
        text = model.tags.get(names.PROMOTION_MOVE) if model else ""
        if not text:
            return None
        try:
            return Move(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise TrackingError(
                f"The tag {names.PROMOTION_MOVE} of the registered model '{self.name}' can't be read ({error}). "
                "Remove it."
            ) from None

    def _forget(self, move: Move) -> None:
        """Remove the note of a move, not of another one that was written down meanwhile."""
        if self._written() == move:
            with translated(f"move the aliases of '{self.name}'"):
                self._client.delete_registered_model_tag(self.name, names.PROMOTION_MOVE)

    def _aliases(self) -> dict[str, str]:
        model = self._fetch()
        return {alias: str(number) for alias, number in model.aliases.items()} if model else {}

    def _fetch(self) -> Any:  # noqa: ANN401 - MLflow is untyped
        with translated(f"read the registered model '{self.name}'"):
            try:
                return self._client.get_registered_model(self.name)
            except MlflowException as error:
                if not is_missing(error):
                    raise
                return None

    def _make(self) -> None:
        if self._fetch() is None:
            try:
                self._client.create_registered_model(self.name)
            except MlflowException as error:  # another process was first
                if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                    raise

    def _first_of(self, source: str) -> Version | None:
        """Return the oldest version that was made of a source."""
        found = self._client.search_model_versions(f"name = '{self.name}'", max_results=10000)
        same = [version for version in map(_version, found) if version.source == source]
        return min(same, key=lambda version: int(version.number), default=None)

    def _version(self, number: str) -> Version:
        with translated(f"read version {number} of the registered model '{self.name}'"):
            return _version(self._client.get_model_version(self.name, number))


def _version(found: Any) -> Version:  # noqa: ANN401 - MLflow is untyped
    return Version(found.name, str(found.version), found.run_id or "", found.source)


def _number(number: str) -> str:
    return f"version {number}" if number else "none"
