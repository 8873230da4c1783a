import numpy as np
import pytest

from beauty_mlflow.features.boundaries import boundaries
from beauty_mlflow.features.costs import measured_stages
from beauty_mlflow.features.planning import Training, Workload, plan
from beauty_mlflow.networks.table import get_network


def test_each_stage_has_what_it_stores_and_costs(make_trunk, cache):
    """One a boundary, bottom to top; all of them cost something, and to train costs more than to go through."""
    trunk = make_trunk()
    stages = measured_stages(cache, trunk)
    assert [stage.boundary for stage in stages] == list(boundaries(trunk.network))
    assert [stage.row_bytes for stage in stages] == [8 * 8 * 8 * 2, 4 * 4 * 16 * 2, 2 * 2 * 32 * 2, 32 * 2]
    for stage in stages:
        assert 0 < stage.extract_seconds < 10
        assert 0 < stage.forward_seconds < 10
        assert 0 < stage.train_seconds < 10


def test_what_was_measured_is_read_from_the_cache(make_trunk, cache):
    """The same figures for the same network, size and precision, whatever its weights; measured anew for others."""
    first = measured_stages(cache, make_trunk())
    other_weights = make_trunk()
    other_weights.model.set_weights([weight + 1 for weight in other_weights.model.get_weights()])
    assert measured_stages(cache, other_weights) == first
    assert measured_stages(cache, make_trunk(size=24)) != first
    assert measured_stages(cache, make_trunk(precision="bfloat16")) != first
    assert len(cache.stored("costs")) == 3


def test_measuring_changes_nothing(make_trunk, cache):
    """Neither weights and statistics nor what trains."""
    trunk = make_trunk()
    trunk.model.get_layer("conv1").trainable = False
    before = [np.array(variable) for variable in trunk.model.variables]
    measured_stages(cache, trunk)
    after = [np.array(variable) for variable in trunk.model.variables]
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    assert [layer.name for layer in trunk.model.layers if not layer.trainable] == ["conv1"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inception_v3", "mobilenet_v2", "efficientnet_b0"])
def test_a_plan_can_be_made_from_it(built, make_trunk, cache, name):
    """Networks with branches, shortcuts and squeezing: each stage is measured, and the head's training is planned."""
    network = get_network(name)
    model = built(name)
    stages = measured_stages(cache, make_trunk(model, network=network, size=model.input_shape[1]))
    assert [stage.boundary for stage in stages] == list(boundaries(network))
    assert all(min(stage.extract_seconds, stage.forward_seconds, stage.train_seconds) > 0 for stage in stages)
    work = Workload(1000, 100, epochs=20, views=2, read_seconds=1e-3, head_seconds=1e-4)
    assert plan(stages, [Training("blocks=0", "pooled")], work, budget_bytes=10**12).store == ("pooled",)
