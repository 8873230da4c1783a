import pytest

from beauty_mlflow.jobs.train import Train, run
from beauty_mlflow.tracking.store import connect


@pytest.mark.slow
def test_a_whole_network_is_trained(local_store, manifest):
    """From scratch everything is trainable, the weights are random, and the run has what a fine-tuning has."""
    given = {
        "network": "simplenet",
        "image_size": "32",
        "epochs": "1",
        "batch_size": "16",
        "data": str(manifest),
    }
    summary = dict(run(Train.parse(given)))
    found = connect().client.get_run(summary["run_id"])
    assert found.info.status == "FINISHED"
    assert found.data.tags["weights.source"] == "random"
    assert set(Train.model_fields) <= set(found.data.params)
    frozen = int(found.data.params["parameters_total"]) - int(found.data.params["parameters_trainable"])
    assert frozen < 0.01 * int(found.data.params["parameters_total"])  # batch normalisation's moving statistics
    assert "best_val_accuracy" in found.data.metrics
