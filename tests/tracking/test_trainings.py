import math

import pytest

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.evaluation.comparison.compared import Accuracy
from beauty_mlflow.tracking import names, trainings
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.epochs import HISTORIES, sums
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.trainings import find_trainings


@pytest.fixture
def train(store):
    """Make a run as a training leaves it."""

    def make(name="finetune tiny", tags=None, *, end="FINISHED", test_digest="test", accuracy=0.5, metrics=None):
        run = Run.create(store, name, tags)
        run.log_parameters({"network": "tiny", "blocks": "2"})
        run.log_inputs(
            Dataset(f"boxes/{part}", digest, part, "/data", 10, 2)
            for part, digest in (("train", "a"), ("val", "b"), ("test", test_digest))
        )
        for epoch in (1, 2, 3):
            curves = {"loss": 3.0 - epoch, "accuracy": epoch / 10, "val_loss": 3.5 - epoch, "val_accuracy": epoch / 20}
            speeds = {"epoch_seconds": 10.0 * epoch, "images_per_second": 100.0 * epoch, "learning_rate": 0.1}
            run.log_epoch(epoch, {**curves, **speeds})
        run.log_metrics({"best_epoch": 2, "best_val_loss": 1.5, "best_val_accuracy": accuracy, **(metrics or {})})
        run.finish(end)
        return run

    return make


@pytest.fixture
def evaluate(store):
    """Make a run as an evaluation leaves it."""

    def make(training, accuracy=0.4, digest="test", end="FINISHED"):
        run = Run.create(store, "evaluate", {names.EVALUATES: training.run_id})
        run.log_inputs([Dataset("boxes/test", digest, "test", "/data", 10, 2)])
        run.log_metrics({"test_accuracy": accuracy, "test_accuracy_low": 0.3, "test_accuracy_high": 0.6})
        run.finish(end)
        return run

    return make


def only(found):
    (training,) = found.trainings
    return training


def test_a_training_is_read_whole(store, train):
    """Its kept epoch's curves, its time, its speed, its data, its figures."""
    run = train()
    one = only(find_trainings(store, [run.run_id], []))
    assert (one.run.run_id, one.name, one.experiment) == (run.run_id, "finetune tiny", store.experiment)
    assert one.parameters["blocks"] == "2"
    assert one.kept == {"loss": 1.0, "accuracy": 0.2}
    assert (one.epochs, one.seconds, one.images_per_second) == (3, 60.0, 200.0)
    assert (one.data, one.digests) == ("boxes", {"train": "a", "val": "b", "test": "test"})
    assert one.metrics["best_val_accuracy"] == 0.5
    assert one.test is None


def test_an_experiment_means_all_its_trainings(store, train):
    """The oldest first; other runs are counted by what they are."""
    first, second = train("first"), train("second")
    train("failed", end="FAILED")
    train("killed", end="KILLED")
    train("pruned", {names.PRUNED: "after epoch 2", names.STUDY: "s", names.TRIAL_NUMBER: "1"}, end="KILLED")
    Run.create(store, "still at work")
    Run.create(store, "split").finish("FINISHED")
    Run.create(store, "promote", {names.PROMOTION: "beauty"}).finish("FINISHED")
    Run.create(store, "compare", {names.COMPARES: "2"}).finish("FINISHED")
    Run.create(store, "sweep", {names.STUDY: "s"}).finish("FINISHED")
    train("confirming", {names.STUDY: "s", names.CONFIRM: "1"})
    found = find_trainings(store, [], [store.experiment_id])
    assert [one.run.run_id for one in found.trainings] == [first.run_id, second.run_id]
    assert found.left_out == {
        "failed runs": 1,
        "killed runs": 1,
        "pruned trials": 1,
        "runs that haven't ended": 1,
        "runs that are no trainings": 1,
        "promotions": 1,
        "comparisons": 1,
        "sweeps (their trials are runs of their own)": 1,
        "runs that confirm a trial on another seed": 1,
    }


def test_test_figures_come_from_evaluations(store, train, evaluate):
    """The latest finished one on the training's own test pictures; the run's own where there is none."""
    run, alone = train(), train("main", metrics={"test_accuracy": 0.7})
    evaluate(run, 0.1)
    evaluate(run, 0.4)
    evaluate(run, 0.9, digest="others")
    evaluate(run, 0.8, end="FAILED")
    found = find_trainings(store, [run.run_id, alone.run_id], [])
    assert [one.test for one in found.trainings] == [Accuracy(0.4, 0.3, 0.6), Accuracy(0.7, None, None)]
    counted = find_trainings(store, [], [store.experiment_id]).left_out
    assert counted == {"evaluations (their figures stand beside their trainings')": 4}


def test_an_evaluation_may_be_in_another_experiment(store, train, evaluate):
    """As one that `mlflow run` makes."""
    run = train()
    evaluation = evaluate(run)
    elsewhere = store.client.create_experiment("elsewhere of " + store.experiment)
    copied = store.client.create_run(elsewhere, tags=evaluation.tags)
    other = Run(store, copied.info.run_id)
    other.log_inputs([Dataset("boxes/test", "test", "test", "/data", 10, 2)])
    other.log_metrics({"test_accuracy": 0.9})
    other.finish("FINISHED")
    assert only(find_trainings(store, [run.run_id], [])).test == Accuracy(0.9)


def test_a_sweep_means_its_trials(store, train):
    """Complete ones; named itself, a run that confirms is one's own choice."""
    parent = Run.create(store, "sweep", {names.STUDY: "s"})
    own = {names.STUDY: "s", names.PARENT: parent.run_id}
    trials = [train(f"trial {n}", {**own, names.TRIAL_NUMBER: str(n)}) for n in range(2)]
    confirming = train("confirming", {**own, names.CONFIRM: "1"})
    train("another's")
    found = find_trainings(store, [parent.run_id], [])
    assert [one.run.run_id for one in found.trainings] == [trial.run_id for trial in trials]
    assert found.left_out == {"runs that confirm a trial on another seed": 1}
    named = find_trainings(store, [confirming.run_id], [])
    assert only(named).run.run_id == confirming.run_id


def test_a_run_named_twice_is_there_once(store, train):
    run = train()
    assert len(find_trainings(store, [run.run_id], [store.experiment_id]).trainings) == 1


def test_the_run_of_the_comparison_itself_isnt_counted(store, train, monkeypatch):
    """`mlflow run` makes it beforehand, in the same experiment."""
    run, own = train(), Run.create(store, "compare")
    Run.create(store, "still at work")
    monkeypatch.setenv("MLFLOW_RUN_ID", own.run_id)
    found = find_trainings(store, [], [store.experiment_id])
    assert [one.run.run_id for one in found.trainings] == [run.run_id]
    assert found.left_out == {"runs that haven't ended": 1}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_figures_that_arent_finite_arent_known(local_run, value):
    """Of another tool's run; without a finite accuracy it can't be compared, and doesn't win."""
    run, client = local_run, local_run.store.client
    client.log_metric(run.run_id, "best_val_accuracy", 0.5, step=1)
    for name in ("best_epoch", "train_pictures", "test_accuracy", "accuracy"):
        client.log_metric(run.run_id, name, value, step=1)
    client.set_terminated(run.run_id, "FINISHED")
    one = only(find_trainings(run.store, [run.run_id], []))
    assert (one.metrics, one.kept, one.test) == ({"best_val_accuracy": 0.5}, {}, None)
    client.log_metric(run.run_id, "best_val_accuracy", value, step=2)
    found = find_trainings(run.store, [], [run.experiment_id])
    assert (found.trainings, found.left_out) == ([], {"trainings whose best_val_accuracy isn't finite": 1})


def test_only_the_latest_trainings_are_read(store, train):
    """Of experiments, with the other runs since then; a run that is named is there however old it is."""
    first, second = train("first"), train("second")
    Run.create(store, "split").finish("FINISHED")
    newest = train("newest")
    found = find_trainings(store, [], [store.experiment_id], latest=2)
    assert [one.run.run_id for one in found.trainings] == [second.run_id, newest.run_id]
    assert (found.left_out, found.older) == ({"runs that are no trainings": 1}, True)
    everything = find_trainings(store, [], [store.experiment_id], latest=3)
    assert (len(everything.trainings), everything.older) == (3, False)
    named = find_trainings(store, [first.run_id], [store.experiment_id], latest=1)
    assert [one.run.run_id for one in named.trainings] == [first.run_id, newest.run_id]


def test_what_a_training_has_summed_up_isnt_read_from_its_epochs(local_run):
    """The figures are the same; the store is asked for no history then."""
    run = local_run
    epochs = {epoch: dict.fromkeys(HISTORIES, epoch / 10) for epoch in (1, 2, 3)}
    for epoch, metrics in epochs.items():
        run.log_epoch(epoch, metrics)
    run.log_metrics({"best_epoch": 2, "best_val_accuracy": 0.5})
    run.finish("FINISHED")
    read = only(find_trainings(run.store, [run.run_id], []))
    histories = {name: {epoch: metrics[name] for epoch, metrics in epochs.items()} for name in HISTORIES}
    run.log_metrics(sums(histories, 2))
    asked = []
    client = run.store.client
    client.get_metric_history = lambda *which: asked.append(which)
    known = only(find_trainings(run.store, [run.run_id], []))
    assert asked == []
    for field in ("kept", "epochs", "seconds", "images_per_second"):
        assert getattr(known, field) == getattr(read, field) != {}


def test_evaluations_of_many_trainings(store, train, evaluate, monkeypatch):
    """They are asked for at once then, with the same outcome."""
    run, other = train(), train()
    evaluate(run, 0.1)
    evaluate(run, 0.4)
    evaluate(other, 0.9, end="FAILED")
    monkeypatch.setattr(trainings, "_FEW", 1)
    found = find_trainings(store, [run.run_id, other.run_id], [])
    assert [one.test for one in found.trainings] == [Accuracy(0.4, 0.3, 0.6), None]


def test_no_such_run_and_a_deleted_one(store, train):
    run = train()
    with pytest.raises(TrackingError, match="Can't find the run 0123"):
        find_trainings(store, ["0123456789abcdef0123456789abcdef"], [])
    store.client.delete_run(run.run_id)
    with pytest.raises(TrackingError, match="is deleted"):
        find_trainings(store, [run.run_id], [])


def test_a_training_without_datasets_or_speed(store):
    """What nobody logged isn't known; nothing breaks."""
    run = Run.create(store, "bare")
    run.log_metrics({"best_val_accuracy": 0.5})
    run.finish("FINISHED")
    one = only(find_trainings(store, [run.run_id], []))
    assert (one.data, one.digests, one.kept, one.images_per_second, one.epochs) == ("", {}, {}, None, 0)
