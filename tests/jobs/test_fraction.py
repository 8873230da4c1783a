"""Training on a share of the training pictures."""

from pathlib import Path

import pytest

from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.errors import ParameterError
from beauty_mlflow.jobs.finetune import Finetune, run
from beauty_mlflow.jobs.train import Train
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")


def trained(**given):
    return Run.find(connect(), dict(run(Finetune.parse(given)))["run_id"])


def split_of(found, folder):
    return read_split(download(found, names.SPLIT_FOLDER, folder / found.run_id) / Path(names.MANIFEST).name)


def curves_of(found):
    return {name: found.metric_history(name) for name in CURVES}


def test_a_share_of_the_training_pictures(local_store, tiny, manifest, tmp_path, capsys):
    """It is said, logged, and all that the run knows of its data; validation and test stay whole."""
    found = trained(**tiny, fraction="0.5")
    whole, own = read_split(manifest), split_of(found, tmp_path)
    assert own.sizes == {**whole.sizes, "train": 12}
    assert set(own.rows("train")["class"]) == set(whole.classes)
    assert "12 of 24 training pictures (fraction=0.5)" in capsys.readouterr().err
    assert found.parameters()["fraction"] == "0.5"
    assert found.metrics()["train_pictures"] == 12
    assert found.tags[names.FINGERPRINT] == own.fingerprint


@pytest.mark.parametrize("kind", [Finetune, Train])
@pytest.mark.parametrize("fraction", ["0", "1.01", "nan", "half"])
def test_no_such_share(kind, fraction):
    with pytest.raises(ParameterError, match="fraction"):
        kind.parse({"fraction": fraction})


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache", "slow_trunk")
def test_a_share_never_reads_another_ones_activations(local_store, tiny):
    """Whichever was cached first: the losses are those of a training that read the pictures themselves."""
    given = {**tiny, "precision": "float32", "views": "2", "learning_rate": "0.002"}
    plain = {share: curves_of(trained(**given, cache="none", fraction=share)) for share in ("0.5", "1.0")}
    for share in ("1.0", "0.5", "1.0"):
        cached = trained(**given, cache="activations", fraction=share)
        assert cached.parameters()["resolved.source"].startswith("activations")
        for name in ("loss", "val_loss"):
            assert cached.metric_history(name) == pytest.approx(plain[share][name], rel=3e-3)
    half, whole = plain["0.5"]["loss"], plain["1.0"]["loss"]
    assert max(abs(half[epoch] / whole[epoch] - 1) for epoch in whole) > 0.01


@pytest.mark.slow
def test_a_resumed_run_keeps_its_share(local_store, tiny, tmp_path, monkeypatch):
    """It goes on with the very same pictures, without being told the share again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "epochs_logged", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(Finetune.parse({**tiny, "fraction": "0.5"}))
    (killed,) = connect().client.search_runs([connect().experiment_id])
    resumed = trained(resume=killed.info.run_id)
    assert resumed.run_id == killed.info.run_id
    assert resumed.metrics()["train_pictures"] == split_of(resumed, tmp_path).sizes["train"] == 12
    with pytest.raises(ParameterError, match=r"fraction=0.25 \(the run has"):
        _interrupted_then(tiny, fraction="0.25")


def _interrupted_then(tiny, **changes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "log_inputs", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(Finetune.parse({**tiny, "fraction": "0.5"}))
    newest = connect().client.search_runs([connect().experiment_id], max_results=1)[0]
    run(Finetune.parse({"resume": newest.info.run_id, **changes}))


def _interrupt(*_):
    raise KeyboardInterrupt
