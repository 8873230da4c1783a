import numpy as np
import pytest

from beauty_mlflow.jobs.building import build_finetuned
from beauty_mlflow.jobs.finetune import Finetune
from beauty_mlflow.jobs.sessions import in_session
from beauty_mlflow.jobs.settings import resolve
from beauty_mlflow.networks.statistics import batch_norm_statistics


@pytest.fixture
def statistics_of(local_store, own_cache, tiny):
    """Make a function that begins a run and returns its network's batch-norm statistics, [all of them]."""

    def statistics_of(**changes):
        found = []

        def work(current):
            model = build_finetuned(current, resolve(current.parameters)).model
            found.extend(np.ravel(variable) for variable in batch_norm_statistics(model))
            return []

        in_session(Finetune.parse({**tiny, **changes}), "a test", work)
        return np.concatenate(found)

    return statistics_of


def entries(cache):
    return [stored for stored, _ in cache.stored("statistics")]


def test_runs_that_begin_alike_share_them(statistics_of, own_cache):
    """Whatever is trained then; the second run reads what the first has kept, and has the same numbers."""
    first = statistics_of()
    assert len(entries(own_cache)) == 1
    np.testing.assert_array_equal(statistics_of(blocks="0", epochs="1"), first)
    assert len(entries(own_cache)) == 1


def test_they_are_what_they_would_be_without_a_cache(statistics_of, own_cache):
    """cache=none keeps nothing and comes to the same."""
    without = statistics_of(cache="none")
    assert entries(own_cache) == []
    np.testing.assert_allclose(statistics_of(), without, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("changes", [{"seed": "1"}, {"batch_size": "8"}, {"resize": "pad"}, {"augment": "none"}])
def test_what_begins_otherwise_has_its_own(changes, statistics_of, own_cache):
    """Other weights, or other batches of pictures."""
    assert not np.array_equal(statistics_of(), statistics_of(**changes))
    assert len(entries(own_cache)) == 2


def test_a_full_cache_is_done_without(statistics_of, own_cache):
    """They are small, but a budget can be smaller; then they are taken anew."""
    assert np.isfinite(statistics_of(cache_gb="1e-9")).all()
    assert entries(own_cache) == []
