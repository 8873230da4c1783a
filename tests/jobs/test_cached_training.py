"""Training on cached activations: the same training as from pictures, only sooner; and what happens on the way."""

import shutil

import numpy as np
import pytest

from beauty_mlflow.errors import CacheError, ParameterError, WorkError
from beauty_mlflow.jobs.finetune import Finetune, run
from beauty_mlflow.networks.building import build_transfer
from beauty_mlflow.networks.table import get_network
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_store", "own_cache", "slow_trunk")]
EPOCHS = 4
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


@pytest.fixture
def curves(tiny):
    """Make a function that fine-tunes and returns the run's curves."""

    def curves(**changes):
        finished = dict(run(Finetune.parse({**tiny, "epochs": str(EPOCHS), "views": str(EPOCHS), **changes})))
        return curves_of(finished["run_id"])

    return curves


def curves_of(run_id):
    found = Run.find(connect(), run_id)
    return {name: found.metric_history(name) for name in CURVES}


def assert_close(one, other, relative):
    assert list(one["loss"]) == list(other["loss"]) == list(range(1, EPOCHS + 1))
    for name in ("loss", "val_loss", "learning_rate"):
        assert one[name] == pytest.approx(other[name], rel=relative), name


@pytest.mark.parametrize(
    "changes",
    [{"blocks": "0"}, {"blocks": "1"}, {"blocks": "2"}, {"unfreeze": "conv2"}, {"blocks": "1", "batch_norm": "frozen"}],
    ids=str,
)
def test_losses_are_those_of_training_from_pictures(tiny, curves, changes):
    """With a view an epoch, dropout, class weights and the thesis recipe; both see the same pictures in the same order.

    Activations are kept in float16, which rounds a number by 5e-4 of it at most, and folding rounds by less. RMSprop
    scales all steps to one length, so that this may turn some; after four epochs losses differ by less than 0.3 %.
    Other pictures, another order or other dropout make them differ by percents, as another seed shows.
    """
    if "unfreeze" in changes:
        del tiny["blocks"]
    changes = {**changes, "precision": "float32", "class_weight": "balanced", "learning_rate": "0.001"}
    plain = curves(cache="none", **changes)
    assert_close(curves(cache="activations", **changes), plain, 3e-3)
    other = curves(cache="activations", **changes, seed="1")
    assert max(abs(other["loss"][epoch] / plain["loss"][epoch] - 1) for epoch in plain["loss"]) > 0.02


def test_losses_in_low_precision(curves):
    """bfloat16 has 8 bits, and folding rounds the folded kernels once more: losses stay within 3 %."""
    changes = {"blocks": "1", "precision": "bfloat16", "learning_rate": "0.001"}
    assert_close(curves(cache="activations", **changes), curves(cache="none", **changes), 3e-2)


@pytest.fixture
def cached(tiny):
    """Parameters of a training on two views, which takes long enough to be interrupted."""
    return {**tiny, "epochs": str(EPOCHS), "views": "2", "cache": "activations", "learning_rate": "0.001"}


@pytest.fixture
def interrupted():
    """Make a function that trains until an epoch is reported and then ends as Ctrl-C would; it returns the run's id."""

    def interrupted(parameters, epoch=2):
        report = Run.log_epoch

        def stop(self, number, metrics):
            report(self, number, metrics)
            if number == epoch:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "log_epoch", stop)
            with pytest.raises(KeyboardInterrupt):
                run(Finetune.parse(parameters))
        (killed,) = connect().client.search_runs([connect().experiment_id], "attributes.status = 'KILLED'")
        return killed.info.run_id

    return interrupted


@pytest.mark.parametrize("recipe", ["thesis", "fast"])
@pytest.mark.parametrize("cache_is_gone", [False, True], ids=["cache kept", "cache deleted"])
def test_a_resumed_run_ends_as_one_left_in_peace(cached, interrupted, own_cache, recipe, cache_is_gone):
    """Also where all that was kept has been deleted meanwhile: it is made again from the first weights."""
    parameters = {**cached, "recipe": recipe, "precision": "float32"}
    whole = curves_of(dict(run(Finetune.parse(parameters)))["run_id"])
    run_id = interrupted(parameters)
    if cache_is_gone:
        shutil.rmtree(own_cache.folder)
    assert dict(run(Finetune(resume=run_id)))["run_id"] == run_id
    assert_close(curves_of(run_id), whole, 1e-3)
    points = connect().client.get_metric_history(run_id, "loss")
    assert [point.step for point in points] == list(range(1, EPOCHS + 1))


def test_a_resumed_run_begins_where_it_began_though_the_plan_would_be_another(cached, interrupted, monkeypatch):
    """What was decided stands in the run's state: the machine's speed or its free disk may have changed."""
    run_id = interrupted(cached)
    monkeypatch.setattr("beauty_mlflow.jobs.feed_plans.measured_stages", lambda *_: pytest.fail("it is planned again"))
    run(Finetune(resume=run_id))
    assert Run.find(connect(), run_id).parameters()["resolved.source"] == "activations at conv2, 2 views"


def test_a_resumed_run_may_be_given_more_room(cached, interrupted, own_cache):
    """What the cache may take is the machine's, not the run's: nothing else of it changes."""
    run_id = interrupted({**cached, "cache_gb": "0.001"})
    shutil.rmtree(own_cache.folder)
    with pytest.raises(ParameterError, match=r"epochs=9 \(the run has 4\)"):
        run(Finetune(resume=run_id, cache_gb=0.5, epochs=9))
    assert dict(run(Finetune(resume=run_id, cache_gb=0.5)))["run_id"] == run_id


def test_a_resumed_run_does_not_need_its_first_weights_any_more(cached, interrupted, tmp_path, own_cache):
    """The file that they came from is deleted, and so is the cache; whence they came is still known."""
    network = get_network("tiny")
    options = {"scaling": "unit", "dropout": 0.2, "dense_units": 8, "precision": "float32", "seed": 5}
    build_transfer(network, classes=4, image_size=32, **options).save_weights(tmp_path / "first.weights.h5")
    parameters = {**cached, "weights": str(tmp_path / "first.weights.h5")}
    whole = curves_of(dict(run(Finetune.parse(parameters)))["run_id"])
    run_id = interrupted(parameters)
    (tmp_path / "first.weights.h5").unlink()
    shutil.rmtree(own_cache.folder)
    run(Finetune(resume=run_id))
    assert_close(curves_of(run_id), whole, 1e-3)
    assert "first.weights.h5" in connect().client.get_run(run_id).data.tags["weights.source"]


def test_damage_ends_the_run_and_the_same_command_then_works(cached, curves, own_cache):
    """One flipped byte among the activations that it trains on; the error names the entry and says what to do."""
    whole = curves(**cached)
    kept = [one.folder for one, _ in own_cache.stored("activations")]
    for folder in kept:
        octets = bytearray((folder / "array.npy").read_bytes())
        octets[-7] ^= 16
        (folder / "array.npy").write_bytes(octets)
    with pytest.raises(CacheError, match=r"activations-\w+ .*is damaged: .*run the same command again") as caught:
        run(Finetune.parse(cached))
    assert caught.value.exit_status == 1
    (failed,) = connect().client.search_runs([connect().experiment_id], "attributes.status = 'FAILED'")
    assert "is damaged" in failed.data.tags["error"]
    for _ in kept[1:]:  # each of the other two damaged entries is met in its turn
        with pytest.raises(CacheError, match="is damaged"):
            run(Finetune.parse(cached))
    assert_close(curves(**cached), whole, 1e-3)


def test_activations_that_are_too_large_end_the_run_with_a_way_out(tiny, tmp_path):
    """Its weights make numbers that float16 can't hold; what the error recommends works."""
    network = get_network("tiny")
    options = {"scaling": "unit", "dropout": 0.2, "dense_units": 8, "precision": "float32", "seed": 5}
    model = build_transfer(network, classes=4, image_size=32, **options)
    model.get_layer("conv1_bn").gamma.assign(np.full(8, 1e6))
    model.get_layer("conv2_bn").moving_variance.assign(np.full(16, 1e12))
    model.save_weights(tmp_path / "large.weights.h5")
    parameters = {**tiny, "weights": str(tmp_path / "large.weights.h5"), "blocks": "2"}
    with pytest.raises(WorkError, match=r"Activations at conv1 are too large for float16.*cache=pictures"):
        run(Finetune.parse({**parameters, "cache": "activations"}))
    run(Finetune.parse({**parameters, "cache": "pictures"}))
