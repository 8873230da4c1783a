from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from beauty_mlflow.cache.kinds import KINDS
from beauty_mlflow.cache.sizes import GB
from beauty_mlflow.jobs.parameters import Job, Parameters, Summary, known

if TYPE_CHECKING:
    from beauty_mlflow.cache.store import Cache as Store

_known_kind = known(KINDS, "kind of entry")


class Cache(Parameters):
    """List, verify or prune what is kept on disk so that it needn't be computed again."""

    job = "cache"
    positional = ("action",)

    action: Literal["list", "verify", "prune"] = Field(
        "list", description="list it; verify: read it all and remove what is damaged; prune: remove what isn't in use."
    )
    kind: Annotated[str, AfterValidator(lambda value: value and _known_kind(value))] = Field(
        "",
        description=f"Only this kind of entry; empty is all. {'; '.join(f'{k}: {v}' for k, v in KINDS.items())}.",
    )
    gb: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="With prune: how many GB (10^9 bytes) to keep, those used last; 0 keeps only what is in use.",
    )

    @model_validator(mode="after")
    def _only_prune_keeps(self) -> "Cache":
        if self.gb and self.action != "prune":
            message = f"gb says what prune keeps, but the action is {self.action}; leave it out"
            raise ValueError(message)
        return self


def run(parameters: Cache) -> Summary:
    """Do what the action says."""
    from beauty_mlflow.cache.store import Cache as Store
    from beauty_mlflow.jobs.projects import in_project_run

    actions = {"list": _list, "verify": _verify, "prune": _prune}
    with in_project_run(parameters) as project:
        return [*actions[parameters.action](Store(), parameters), *project.summary()]


def _list(store: "Store", parameters: Cache) -> Summary:
    from beauty_mlflow.cache.sizes import size_text
    from beauty_mlflow.jobs.cache_table import counted, print_stored

    stored = store.stored(parameters.kind)
    print_stored(stored)
    return [
        ("entries", counted([one for one, _ in stored])),
        ("in use", counted([one for one, in_use in stored if in_use])),
        ("partial", counted([one for one, _ in stored if not one.whole])),
        ("free on the disk", size_text(store.usage().disk_free)),
        ("folder", store.folder),
    ]


def _verify(store: "Store", parameters: Cache) -> Summary:
    from beauty_mlflow.errors import CacheError
    from beauty_mlflow.jobs.cache_table import counted
    from beauty_mlflow.jobs.opening import say_notes
    from beauty_mlflow.progress import console_progress

    read, problems = store.verify(parameters.kind, console_progress)
    say_notes(problems)
    if problems:
        raise CacheError(
            f"{len(problems)} of {counted(read)} were damaged and can't be used. The commands that need them make them "
            "anew. If this comes again, check the disk."
        )
    return [("read", counted(read)), ("damaged", 0)]


def _prune(store: "Store", parameters: Cache) -> Summary:
    from beauty_mlflow.cache.sizes import size_text
    from beauty_mlflow.jobs.cache_table import counted, described

    pruned = store.prune(round(parameters.gb * GB), parameters.kind)
    return [
        *(("removed", described(one)) for one in pruned.gone),
        *((f"stayed ({why})", described(one)) for one, why in pruned.stayed),
        ("removed in all", counted(pruned.gone)),
        ("stayed in all", counted([one for one, _ in pruned.stayed])),
        ("free on the disk", size_text(store.usage().disk_free)),
    ]


JOB = Job(Cache, run)
