import pytest

from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.finetune import run as finetune
from beauty_mlflow.jobs.main import Main, run
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


@pytest.mark.slow
def test_one_run_holds_the_whole_job(local_store, pictures, capsys):
    """Main splits, fine-tunes and evaluates in one run, which has both parts' figures and fine-tuning's parameters."""
    summary = dict(run(Main(data=str(pictures), network="tiny", blocks=1, epochs=1, weights="random")))
    found = connect().client.get_run(summary["run_id"])
    assert found.info.status == "FINISHED"
    assert {
        "best_val_accuracy",
        "calibration.temperature",
        "test_accuracy",
        "test_accuracy_low",
        "test_loss",
        "test_ece",
    } <= set(found.data.metrics)
    assert "val_ece" not in found.data.metrics
    assert set(Finetune.model_fields) <= set(found.data.params)
    assert "mlflow run . -P" in found.data.tags["mlflow.note.content"]
    assert len(connect().client.search_runs([connect().experiment_id])) == 1
    assert list(summary)[-1] == "run_id"
    assert "split" in capsys.readouterr().err


@pytest.mark.slow
def test_a_manifest_is_used_as_it_is(local_store, manifest):
    """Given a manifest, main splits nothing anew."""
    summary = dict(run(Main(data=str(manifest), network="tiny", blocks=0, epochs=1, weights="random")))
    tags = connect().client.get_run(summary["run_id"]).data.tags
    assert tags["dataset.fingerprint"] == read_split(manifest).fingerprint


@pytest.mark.slow
def test_an_interrupted_job_is_resumed_to_its_end(local_store, pictures):
    """What main began, finetune's resume goes on with, the evaluation on the test part included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "log_inputs", interrupt)
        with pytest.raises(KeyboardInterrupt, match="early"):
            run(Main(data=str(pictures), network="tiny", blocks=1, epochs=1, weights="random"))
    (killed,) = connect().client.search_runs([connect().experiment_id])
    assert killed.info.status == "KILLED"
    summary = dict(finetune(Finetune(resume=killed.info.run_id)))
    assert "test_accuracy" in summary
    assert connect().client.get_run(killed.info.run_id).info.status == "FINISHED"


def interrupt(*_):
    raise KeyboardInterrupt("early")
