"""What a finished sweep leaves: one that all these tests look at, since each of its trials is a process."""

import csv
import re
import shutil
import statistics
import subprocess
from pathlib import Path

import mlflow
import numpy as np
import pytest
from lacking import lacks
from PIL import Image

from beauty_mlflow.jobs.sweep import Sweep
from beauty_mlflow.jobs.sweeping import sweep
from beauty_mlflow.search.attempts import State
from beauty_mlflow.search.storages import open_storage
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

pytestmark = pytest.mark.slow
SMOKE = Path(__file__).parents[2] / "sweeps" / "smoke.toml"
SMALL = {"epochs": 6, "batch_size": 8, "dense_units": 8}
PNGS = {
    "history",
    "which_parameter_matters",
    "each_parameter",
    "pairs_of_parameters",
    "all_parameters_at_once",
    "every_epoch_of_every_trial",
    "when_each_trial_ran",
}


@pytest.fixture
def runs(finished_sweep):
    """Every run of the sweep: the parent, the trials' by number, the confirming ones by trial and seed."""
    store = connect()
    found = [Run(store, run.info.run_id) for run in store.client.search_runs([store.experiment_id])]
    tags = {run.run_id: run.tags for run in found}
    (parent,) = [run for run in found if names.PARENT not in tags[run.run_id]]
    trials = {int(tags[run.run_id][names.TRIAL_NUMBER]): run for run in found if names.TRIAL_NUMBER in tags[run.run_id]}
    confirming = {
        (int(tags[run.run_id][names.CONFIRM]), int(run.parameters()["seed"])): run
        for run in found
        if names.CONFIRM in tags[run.run_id]
    }
    assert len(found) == 1 + len(trials) + len(confirming)
    return parent, trials, confirming


@pytest.fixture
def parent(runs):
    return runs[0]


@pytest.fixture
def trials(runs):
    return runs[1]


@pytest.fixture
def confirming(runs):
    return runs[2]


def artifact(run, path):
    return connect().client.download_artifacts(run.run_id, path)


def table(run, path):
    with open(artifact(run, path), newline="") as stream:  # noqa: PTH123 - MLflow's path is a text
        return list(csv.DictReader(stream))


def summary_of(done):
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def trial_that(trials, rate, blocks):
    (found,) = [
        run
        for run in trials.values()
        if float(run.parameters()["learning_rate"]) == rate and run.parameters()["blocks"] == str(blocks)
    ]
    return found


def test_each_trial_is_a_child_with_its_number_state_and_study(parent, trials):
    """Six trials, six runs below the parent, and nothing is RUNNING."""
    assert sorted(trials) == list(range(6))
    states = [run.tags[names.TRIAL_STATE] for run in trials.values()]
    assert sorted(states) == ["COMPLETE"] * 4 + ["FAIL", "PRUNED"]
    for number, run in trials.items():
        tags = run.tags
        assert tags[names.PARENT] == parent.run_id
        assert tags[names.STUDY] == parent.tags[names.STUDY]
        assert tags["mlflow.runName"] == f"trial {number}"
    assert parent.status == "FINISHED"
    assert {run.status for run in trials.values()} == {"FINISHED", "KILLED", "FAILED"}


def test_a_child_holds_what_a_finetune_run_holds(trials, finished_sweep):
    """Epochs, parameters, datasets, evaluation and the split, whose fingerprint is the sweep's."""
    run = trial_that(trials, 0.003, 1)
    assert list(run.metric_history("val_loss")) == [1, 2]
    assert {"best_val_accuracy", "best_val_loss", "best_val_macro_f1"} <= set(run.metrics())
    assert {"parameters_total", "resolved.optimizer", "seed"} <= set(run.parameters())
    assert run.tags[names.FINGERPRINT] == summary_of(finished_sweep.done)["fingerprint"]
    assert (len(connect().client.get_run(run.run_id).inputs.dataset_inputs)) == 3
    assert table(run, "evaluation/val/predictions.csv")


def test_a_pruned_trial_is_killed_and_says_when(trials):
    """Its run ends KILLED with the epoch as a tag; it has that epoch and no later one."""
    run = trial_that(trials, 10.0, 1)
    assert run.status == "KILLED"
    assert run.tags[names.PRUNED] == "after epoch 1"
    assert list(run.metric_history("val_loss")) == [1]
    assert names.ERROR not in run.tags


def test_a_failed_trial_says_why_and_the_study_goes_on(trials):
    """The loss became nan: FAILED with the reason, and later trials ran."""
    run = trial_that(trials, 1e30, 1)
    assert run.status == "FAILED"
    assert "nan with a learning rate of 1e+30" in run.tags[names.ERROR]
    assert int(run.tags[names.TRIAL_NUMBER]) < max(trials)


def test_no_state_of_ended_trials_stays(finished_sweep, trials):
    """Neither the pruned trial nor the failed one leaves its checkpoints, nor says that it could go on."""
    assert finished_sweep.leftovers == []
    assert not any(names.STATE in run.tags for run in trials.values())


def test_only_the_best_so_far_keep_a_model(trials):
    """Exactly the trials that no earlier one beat have uploaded a model, the best of all among them."""
    best = float("inf")
    for _, run in sorted(trials.items()):
        value = run.metrics().get(names.BEST_VAL_LOSS, float("inf"))
        assert bool(run.model_id()) == (value < float("inf") and value <= best), run.tags["mlflow.runName"]
        best = min(best, value)
    kept = [bool(run.model_id()) for run in trials.values() if run.status == "FINISHED"]
    assert True in kept
    assert False in kept


def test_the_best_two_are_confirmed_on_two_further_seeds(parent, trials, confirming):
    """They are those with the lowest val_loss; their runs are children with the tag confirm, and complete."""
    values = {number: run.metrics().get(names.BEST_VAL_LOSS, float("inf")) for number, run in trials.items()}
    best = sorted(trials, key=values.get)[:2]
    assert sorted(confirming) == sorted((number, seed) for number in best for seed in (1, 2))
    for (number, seed), run in confirming.items():
        assert run.status == "FINISHED"
        assert run.tags[names.PARENT] == parent.run_id
        assert names.TRIAL_NUMBER not in run.tags
        own, tried = run.parameters(), trials[number].parameters()
        assert own["seed"] == str(seed)
        assert (own["blocks"], own["learning_rate"]) == (tried["blocks"], tried["learning_rate"])


def test_the_winner_has_the_best_mean(parent, trials, confirming, finished_sweep):
    """Mean and spread over the seeds are in confirmed.csv and the summary, and the best seed's run has its model."""
    values = {}
    for (number, seed), run in confirming.items():
        values.setdefault(number, {})[seed] = run.metrics()[names.BEST_VAL_LOSS]
    winner = min(values, key=lambda number: statistics.fmean(values[number].values()))
    rows = table(parent, "search/confirmed.csv")
    assert [int(row["trial"]) for row in rows] == sorted(values, key=lambda one: statistics.fmean(values[one].values()))
    for row in rows:
        own = values[int(row["trial"])]
        assert float(row["mean"]) == pytest.approx(statistics.fmean(own.values()))
        assert float(row["deviation"]) == pytest.approx(statistics.stdev(own.values()))
        assert row["seeds"] == "2"
        assert {seed: float(row[f"seed {seed}"]) for seed in own} == own
    summary = summary_of(finished_sweep.done)
    mean, deviation = float(rows[0]["mean"]), float(rows[0]["deviation"])
    assert summary["best"].startswith(f"trial {winner}: ")
    assert f"{mean:.4f} ± {deviation:.4f} over 2 other seeds" in summary["value"]
    best_seed = min(values[winner], key=values[winner].get)
    assert summary["best_run"] == confirming[winner, best_seed].run_id
    assert confirming[winner, best_seed].model_id()
    assert summary["next"] == f"mlflow run . -e evaluate -P model={summary['best_run']}"
    assert summary["run_id"] == parent.run_id


def test_the_winners_model_answers(finished_sweep):
    """What the summary's next command would evaluate loads from the tracker."""
    mlflow.set_tracking_uri(finished_sweep.uri)
    network = mlflow.keras.load_model(f"runs:/{summary_of(finished_sweep.done)['best_run']}/model")
    assert np.asarray(network(np.zeros((1, 32, 32, 3), np.float32))).sum() == pytest.approx(1)


def test_the_parent_has_the_progress_by_trials_that_ended(parent, trials):
    """At step n the counts of the n trials that have ended add up to n, and the best value only gets better."""
    done, pruned, failed, best = (
        parent.metric_history(name) for name in ("trials_done", "trials_pruned", "trials_failed", "best_value")
    )
    assert {step: done[step] + pruned[step] + failed[step] for step in done} == {step: step for step in range(1, 7)}
    assert (done[6], pruned[6], failed[6]) == (4, 1, 1)
    assert list(best.values()) == sorted(best.values(), reverse=True)
    assert best[6] == min(run.metrics().get(names.BEST_VAL_LOSS, 9.0) for run in trials.values())


def test_the_parent_has_the_best_parameters_and_links_the_best_run(parent, trials, finished_sweep):
    """Tags best.*, and a description with the link, the counts, the next command and the command to go on."""
    summary, tags = summary_of(finished_sweep.done), parent.tags
    winner = int(re.match(r"trial (\d+)", summary["best"])[1])
    parameters = trials[winner].parameters()
    assert tags["best.blocks"] == parameters["blocks"]
    assert float(tags["best.learning_rate"]) == float(parameters["learning_rate"])
    assert tags["best.run"] == summary["best_run"]
    description = tags[names.DESCRIPTION]
    assert "Depths and rates of a test." in description
    assert f"(#/experiments/{parent.experiment_id}/runs/{summary['best_run']})" in description
    assert "4 complete, 1 pruned, 1 failed" in description
    assert summary["next"] in description
    assert f"mlflow run . -e sweep -P config={finished_sweep.config}" in description
    assert tags[names.FINGERPRINT] == summary["fingerprint"]


def test_the_parent_has_the_sweep_file_and_the_commands_parameters(parent, finished_sweep):
    """What was searched stays with what was found."""
    with open(artifact(parent, "sweep.toml"), "rb") as stream:  # noqa: PTH123 - MLflow's path is a text
        assert stream.read() == finished_sweep.config.read_bytes()
    assert set(Sweep.model_fields) == set(parent.parameters())


def test_the_table_has_a_row_a_trial(parent, trials):
    """State, value, parameters, seconds, run, and why it ended early."""
    rows = {int(row["number"]): row for row in table(parent, "search/trials.csv")}
    assert set(rows) == set(trials)
    for number, run in trials.items():
        row = rows[number]
        assert row["run"] == run.run_id
        assert row["state"] == run.tags[names.TRIAL_STATE]
        assert float(row["params.learning_rate"]) == float(run.parameters()["learning_rate"])
        assert float(row["seconds"]) > 0
        value = str(run.metrics()[names.BEST_VAL_LOSS]) if row["state"] == "COMPLETE" else ""
        assert row[names.BEST_VAL_LOSS] == value
    reasons = {row["state"]: row["reason"] for row in rows.values()}
    assert reasons["PRUNED"] == "pruned after epoch 1"
    assert "nan" in reasons["FAIL"]
    assert reasons["COMPLETE"] == ""


def test_every_figure_is_there_as_a_picture(parent):
    """A PNG of each of Optuna's figures, that opens."""
    listed = {entry.path for entry in connect().client.list_artifacts(parent.run_id, "search")}
    assert listed == {f"search/{name}.png" for name in PNGS} | {
        f"search/{name}" for name in ("search.html", "trials.csv", "confirmed.csv")
    }
    for name in PNGS:
        with Image.open(artifact(parent, f"search/{name}.png")) as picture:
            picture.load()
            assert min(picture.size) > 300


def test_the_study_is_readable_with_optuna_alone(finished_sweep, trials):
    """A user's own scripts and dashboards find trials, values and runs in the file beside the tracking store."""
    import optuna

    (name,) = optuna.study.get_all_study_names(f"sqlite:///{finished_sweep.folder / 'optuna.db'}")
    storage = open_storage(str(finished_sweep.folder / "optuna.db"))
    study = optuna.load_study(study_name=name, storage=storage.trials)
    assert {trial.number: trial.user_attrs["run"] for trial in study.trials} == {
        number: run.run_id for number, run in trials.items()
    }
    assert sum(trial.state == State.COMPLETE for trial in study.trials) == 4


def test_the_same_command_again_repeats_nothing(finished_sweep, runs, capsys):
    """It goes on in the same parent run: no trial, no confirming run more, the same winner, and FINISHED again."""
    parent, trials, confirming = runs
    before = len(connect().client.search_runs([parent.experiment_id]))
    summary = {
        name: str(value)
        for name, value in sweep(Sweep.parse({"config": str(finished_sweep.config), "data": str(finished_sweep.data)}))
    }
    assert summary == summary_of(finished_sweep.done)
    assert len(connect().client.search_runs([parent.experiment_id])) == before == 1 + len(trials) + len(confirming)
    assert parent.status == "FINISHED"
    assert f"this is run {parent.run_id}" in capsys.readouterr().err


def test_what_is_said_meanwhile(finished_sweep):
    """Each trial's values and end, the best so far, and how to go on after an interruption."""
    said = finished_sweep.done.stderr
    for number in range(6):
        assert re.search(rf"trial {number}: blocks=\d, learning_rate=", said)
    assert len(re.findall(r"trial \d: best_val_loss [\d.]+ \(best: [\d.]+, trial \d\)", said)) == 4
    assert "pruned after epoch 1" in said
    assert "failed: The loss of epoch 1" in said
    assert "confirming the best 2 trials: 4 runs on the seeds 1, 2" in said
    assert "interrupted, it goes on with: mlflow run . -e sweep -P config=" in said
    assert "Traceback" not in said


def test_the_page_loads_nothing_from_elsewhere(parent):
    """The page holds its scripts; no element of it refers to a server."""
    with open(artifact(parent, "search/search.html"), encoding="utf-8") as stream:  # noqa: PTH123 - MLflow's path is a text
        page = stream.read()
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", page, flags=re.DOTALL)
    assert not re.findall(r"(?:src|href)\s*=", markup)
    assert page.count('class="plotly-graph-div"') == len(PNGS)


def test_the_shipped_smoke_test_with_two_workers(sweep_place):
    """The quickest of the shipped files as docs/sweeps.md has it: six trials, two at a time, and the report."""
    done = sweep_place.sweep(SMOKE, trials=6, workers=2).require()
    store = connect()
    found = [Run(store, run.info.run_id) for run in store.client.search_runs([store.experiment_id])]
    (parent,) = [run for run in found if names.PARENT not in run.tags]
    children = [run for run in found if run is not parent]
    assert sorted(run.tags[names.TRIAL_NUMBER] for run in children) == [str(number) for number in range(6)]
    assert parent.status == "FINISHED"
    assert {run.status for run in children} <= {"FINISHED", "KILLED"}
    assert sum(run.status == "FINISHED" for run in children) >= 2  # of which the pruner knows nothing better
    assert {row["state"] for row in table(parent, "search/trials.csv")} <= {"COMPLETE", "PRUNED"}
    listed = {entry.path for entry in store.client.list_artifacts(parent.run_id, "search")}
    assert {"search/search.html", "search/trials.csv", "search/history.png"} <= listed
    assert summary_of(done)["best_run"] in {run.run_id for run in children}
    logs = sorted(path.name for path in sweep_place.state.glob("sweeps/*/*.log"))
    assert logs == [f"trial-{number:05d}.log" for number in range(6)]


def test_only_the_first_trial_extracts(sweep_place):
    """With the recipe fast, the second depth finds in the cache what the first one's pass has put there."""
    config = sweep_place.file(
        trials=2,
        pruner="none",
        parameters={
            **SMALL,
            "network": "efficientnet_lite0",
            "weights": "auto",
            "recipe": "fast",
            "cache": "activations",
            "views": 1,  # and twelve epochs: keeping activations pays, however busy the machine that is timed
            "epochs": 12,
        },
        space={"blocks": {"type": "int", "low": 0, "high": 1}},
    )
    done = sweep_place.sweep(config)
    assert done.returncode == 0, done.stderr
    first, second = (path.read_text() for path in sorted(sweep_place.state.glob("sweeps/*/trial-*.log")))
    assert re.search(r"The activation cache gets .*block6d and pooled", first)
    assert re.search(r"The activation cache has .*block6d and pooled already", second)


@pytest.mark.system
def test_a_browser_without_network_draws_the_page(parent, tmp_path):
    """Chromium, for which no host has an address, draws every figure."""
    browser = shutil.which("chromium")
    if not browser:
        lacks("chromium isn't installed")
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        f"file://{artifact(parent, 'search/search.html')}",
    ]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert len(re.findall(r'class="main-svg"[^>]*>\s*<defs id="defs-', page)) >= len(PNGS)
