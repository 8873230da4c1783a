import time

from pydantic import Field

from beauty_mlflow.jobs.model_names import RegisteredName
from beauty_mlflow.jobs.parameters import Count, Job, Parameters, Summary


class Promotions(Parameters):
    """List the promotions and rollbacks of a registered model, the latest first."""

    job = "promotions"

    name: RegisteredName = Field("beauty", description="The registered model.")
    last: Count = Field(20, description="How many to list.")


HEADINGS = ("when", "kind", "verdict", "outcome", "candidate's run", "version", "champion before", "audit run")


def run(parameters: Promotions) -> Summary:
    """Print the audit trail."""
    from itertools import islice

    from beauty_mlflow.jobs.opening import say_notes
    from beauty_mlflow.jobs.projects import in_project_run
    from beauty_mlflow.jobs.tables import print_table
    from beauty_mlflow.tracking import names
    from beauty_mlflow.tracking.finding import NEWEST_FIRST, experiments, find_runs
    from beauty_mlflow.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry
    from beauty_mlflow.tracking.store import connect

    with in_project_run(parameters) as project:
        store = connect()
        say_notes(store.notes)
        found = find_runs(store, experiments(store), {names.PROMOTION: parameters.name}, order=(NEWEST_FIRST,))
        shown = list(islice(found, parameters.last))
        print_table(HEADINGS, [_line(one) for one in shown])
        rest = sum(1 for _ in found)
        registry = Registry(store, parameters.name)
        aliases = [(alias, registry.find(alias)) for alias in (CHAMPION, PREVIOUS, CHALLENGER)]
        return [
            ("promotions and rollbacks", f"{len(shown)} of {len(shown) + rest}" if rest else len(shown)),
            *((alias, version.uri if version else "none") for alias, version in aliases),
            *project.summary(),
        ]


def _line(run: object) -> tuple[str, ...]:
    from beauty_mlflow.tracking import names

    info, tags = run.info, run.data.tags  # type: ignore[attr-defined]
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(info.start_time / 1000))
    found = [tags.get(name, "") or "-" for name in (names.PROMOTION_KIND, names.PROMOTION_VERDICT)]
    rest = [
        tags.get(name, "") or "-"
        for name in (names.PROMOTION_CANDIDATE, names.PROMOTION_VERSION, names.PROMOTION_CHAMPION)
    ]
    return (when, *found, _outcome(info.status, tags), *rest, info.run_id)


def _outcome(status: str, tags: dict[str, str]) -> str:
    from beauty_mlflow.tracking import names

    if status != "FINISHED":
        return status.lower()
    if tags.get(names.PROMOTION_KIND) == "rollback":
        return tags.get(names.PROMOTION_REASON, "")
    outcome = "promoted" if tags.get(names.PROMOTION_PASSED) == "true" else "refused"
    return f"{outcome} (dry run)" if tags.get(names.PROMOTION_DRY_RUN) == "true" else outcome


JOB = Job(Promotions, run)
