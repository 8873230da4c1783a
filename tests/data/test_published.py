import pytest

from beauty_mlflow.data.published import published_runs


def best(data, network="inception_v3"):
    return {run.blocks: run.best_val_accuracy for run in published_runs() if (run.data, run.network) == (data, network)}


def test_all_trainings_and_epochs_are_there():
    """23 trainings of 228 epochs, 98 hours; no two with the same key."""
    runs = published_runs()
    assert len({run.key for run in runs}) == len(runs) == 23
    assert sum(len(run.epochs) for run in runs) == 228
    assert sum(run.ends[-1] for run in runs) / 3600 == pytest.approx(98, abs=0.5)


def test_the_documented_results():
    """The figures that the thesis sums itself up with, and those of the networks from scratch."""
    full, grouped = best("full"), best("grouped")
    assert (round(full[0], 4), round(full[6], 4)) == (0.2564, 0.3873)
    assert (round(grouped[0], 4), round(grouped[7], 4)) == (0.3424, 0.5045)
    assert max(full, key=full.get) == 6
    assert max(grouped, key=grouped.get) == 7
    scratch = [round(best("full", network)[None], 4) for network in ("inception_v3", "resnet50", "simplenet")]
    assert scratch == [0.2845, 0.1450, 0.1504]
    assert {run.key: run.test_accuracy for run in published_runs() if run.test_accuracy} == {
        "full/inception_v3/6": 0.3733,
        "grouped/inception_v3/7": 0.5003,
    }


def test_the_kept_epoch_has_the_figure_that_was_measured_again():
    """The epoch with the lowest val_loss is the one that was kept: its printed accuracy agrees to a thousandth."""
    for run in published_runs():
        printed = run.epochs[run.best_epoch - 1].val_accuracy
        assert printed == pytest.approx(run.best_val_accuracy, abs=1e-3), run.key
