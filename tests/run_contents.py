"""Doing to a run what a training does, and what the store has of it then."""

import random

import numpy as np

from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.datasets import Dataset
from beauty_mlflow.tracking.store import connect

EPOCHS = 6
DATASET = Dataset("boxes/val", "0" * 32, "val", "/data/boxes", 10, 2)


def figures(epoch):
    return {name: epoch + position / 8 for position, name in enumerate(names.EPOCH_METRICS)}


def do_everything(run, folder, *, between=lambda _: None):
    """What a training does to its run, but for the model."""
    run.log_parameters({"network": "tiny", "blocks": "1"})
    run.set_tags({"recipe": "thesis", names.STATE: "here"})
    run.log_inputs([DATASET])
    run.describe(f"Trains {run.link()}.", "beauty finetune")
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures" / "curves.png").write_bytes(b"a figure")
    (folder / "large").write_bytes(random.Random(0).randbytes(1_200_000))
    run.log_folder(folder / "figures", "figures")
    for epoch in range(1, EPOCHS + 1):
        between(epoch)
        run.log_image(np.full((8, 8, 3), epoch, np.uint8), "val_confusion", epoch)
        run.log_epoch(epoch, figures(epoch))
    run.log_file(folder / "large", "raw")
    run.log_metrics({"best_epoch": 3}, dataset=DATASET)
    run.remove_tag(names.STATE)


def content(run_id, uri):
    """What the store has of a run: every value of every metric with its step, and all else but times and addresses.

    The ids of the run and of its experiment aren't in it.
    """
    client = connect(uri=uri).client
    run = client.get_run(run_id)
    histories = {
        name: sorted((point.step, point.value) for point in client.get_metric_history(run_id, name))
        for name in run.data.metrics
        if not name.startswith(names.SYSTEM_PREFIX)
    }
    experiment = f"#/experiments/{run.info.experiment_id}/"
    tags = [(name, value) for name, value in run.data.tags.items() if name != "mlflow.runName"]
    artifacts = {
        entry.path: entry.file_size for folder in ("figures", "raw") for entry in client.list_artifacts(run_id, folder)
    }
    images = sorted(entry.path.partition("timestamp")[0] for entry in client.list_artifacts(run_id, "images"))
    return {
        "status": run.info.status,
        "metrics": histories,
        "parameters": run.data.params,
        "tags": {name: value.replace(run_id, "ID").replace(experiment, "#/experiments/ID/") for name, value in tags},
        "inputs": [(one.dataset.name, one.tags[0].value) for one in run.inputs.dataset_inputs],
        "artifacts": artifacts,
        "images": images,
        "ended": run.info.end_time is not None,
    }
