from beauty_mlflow.jobs.parameters import Job, Parameters, Summary


class Reference(Parameters):
    """Import the 23 trainings of the thesis of 2018 as runs, so that your own stand beside them in the charts."""

    job = "reference"


def run(parameters: Reference) -> Summary:
    """Import what isn't there yet."""
    from beauty_mlflow.data.published import published_runs
    from beauty_mlflow.jobs.importing import ABOUT, TITLE, as_runs
    from beauty_mlflow.jobs.opening import say_notes
    from beauty_mlflow.jobs.projects import in_project_run
    from beauty_mlflow.tracking.experiments import introduce
    from beauty_mlflow.tracking.finding import REFERENCE
    from beauty_mlflow.tracking.imports import import_runs
    from beauty_mlflow.tracking.store import connect

    with in_project_run(parameters) as project:
        store = connect(experiment=REFERENCE)
        say_notes(store.run_notes)
        introduce(store, TITLE, ABOUT)
        runs = published_runs()
        made = import_runs(store, as_runs(runs, f"#/experiments/{store.experiment_id}/runs"))
        return [
            ("experiment", f"{store.experiment} ({store.experiment_id})"),
            ("runs made", len(made)),
            ("runs that were there", len(runs) - len(made)),
            ("epochs", sum(len(one.epochs) for one in runs)),
            ("next", f"mlflow run . -e compare -P experiment={REFERENCE}"),
            *project.summary(),
        ]


JOB = Job(Reference, run)
