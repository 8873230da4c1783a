import resource
from contextlib import contextmanager

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beauty_mlflow.errors import CheckpointError, WorkError
from beauty_mlflow.training.checkpoint import CheckpointFolder
from beauty_mlflow.training.history import EpochRecord
from beauty_mlflow.training.optimizers import build_optimizer

RECORDS = [EpochRecord(epoch, 1 / epoch, 0.1, 0.1 + 0.2, 0.3, 2e-4, 1.5, 40.0) for epoch in (1, 2, 3)]
DAMAGED = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def full_disk(size):
    """Let the system refuse to write any file beyond this size in bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def state(make_network):
    """A network and its optimizer, both set to numbers of their own."""
    model, optimizer = make_network(), build_optimizer("adam", 0.1)
    optimizer.build(model.trainable_variables)
    generator = np.random.default_rng(5)
    for variable in [*model.variables, *optimizer.variables]:
        variable.assign(generator.integers(0, 100, variable.shape))
    return model, optimizer


@pytest.fixture
def fresh(make_network):
    model, optimizer = make_network(), build_optimizer("adam", 0.5)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def values(model, optimizer):
    return [np.array(variable) for variable in [*model.variables, *optimizer.variables]]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("best_epoch", [3, 2])
def test_all_comes_back_bit_for_bit(best_epoch, state, fresh, make_network, tmp_path):
    """Weights, dropout's random state, optimizer and history, whether or not the last epoch is the best."""
    folder = CheckpointFolder(tmp_path, {"blocks": 6, "nested": [1, {"a": 2.5}]})
    folder.save(make_network(), state[1], RECORDS[:2], best_epoch=2)
    folder.save(*state, RECORDS, best_epoch=best_epoch)
    assert folder.restore(*fresh) == RECORDS
    for got, wanted in zip(values(*fresh), values(*state), strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == wanted.dtype


def test_the_random_state_of_dropout_is_among_the_variables(state):
    assert any("seed_generator" in variable.path for variable in state[0].variables)


def test_no_checkpoint_means_no_history_and_no_change(fresh, tmp_path):
    before = values(*fresh)
    assert CheckpointFolder(tmp_path / "new", {}).restore(*fresh) == []
    for got, wanted in zip(values(*fresh), before, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_the_best_weights_stay_those_of_the_best_epoch(state, fresh, tmp_path):
    """Epoch 2 is the best: epoch 3 replaces the checkpoint, but not the best weights; epoch 1's are gone."""
    model, optimizer = state
    folder = CheckpointFolder(tmp_path, {})
    folder.save(model, optimizer, RECORDS[:1], best_epoch=1)
    best = [np.array(variable) for variable in model.variables]
    folder.save(model, optimizer, RECORDS[:2], best_epoch=2)
    for variable in model.variables:
        variable.assign(variable + 1)
    folder.save(model, optimizer, RECORDS, best_epoch=2)
    assert names(tmp_path) == ["best-00002.npz", "checkpoint.npz"]
    folder.restore_best(fresh[0], 2)
    for got, wanted in zip(fresh[0].variables, best, strict=True):
        np.testing.assert_array_equal(np.array(got), wanted)


def test_weights_are_written_once(state, tmp_path):
    """A state of six blocks has 80 MB of weights: where they are the best, they stand in that file alone."""
    folder = CheckpointFolder(tmp_path, {})
    for best_epoch, again in ((3, False), (2, True)):
        folder.save(*state, RECORDS, best_epoch=best_epoch)
        with np.load(tmp_path / "checkpoint.npz") as archive:
            assert any(name.startswith("model/") for name in archive.files) == again


def test_what_interrupted_writes_have_left_is_removed(state, fresh, tmp_path):
    folder = CheckpointFolder(tmp_path, {})
    folder.save(*state, RECORDS, best_epoch=3)
    for name in (".checkpoint.npz.abc.tmp.npz", ".best-00004.npz.abc.tmp.npz", "best-00004.npz"):
        (tmp_path / name).write_bytes(b"half")
    folder.restore(*fresh)
    assert names(tmp_path) == ["best-00003.npz", "checkpoint.npz"]


@pytest.mark.parametrize("name", ["checkpoint.npz", "best-00003.npz"])
def test_any_flipped_byte_or_cut_is_noticed_or_harmless(name, state, fresh, tmp_path):
    """Either the file is refused by name and nothing has changed, or all is as it was saved."""
    folder = CheckpointFolder(tmp_path, {"blocks": 6})
    folder.save(*state, RECORDS, best_epoch=3)
    whole = (tmp_path / name).read_bytes()
    untouched, saved = values(*fresh), values(*state)

    @DAMAGED
    @given(st.integers(0, len(whole) - 1), st.integers(0, 255))
    def check(position, flip):
        damaged = bytearray(whole)
        damaged[position] ^= flip
        (tmp_path / name).write_bytes(damaged if flip else whole[:position])
        try:
            history = folder.restore(*fresh)
        except CheckpointError as error:
            assert name in str(error)  # noqa: PT017 - a flip in a time stamp harms nothing and raises nothing
            wanted = untouched
        else:
            assert history == RECORDS
            wanted = saved
        for got, value in zip(values(*fresh), wanted, strict=True):
            np.testing.assert_array_equal(got, value)
        for variable, value in zip([*fresh[0].variables, *fresh[1].variables], untouched, strict=True):
            variable.assign(value)

    check()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_checkpoint_is_refused(content, fresh, tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checkpoint\.npz is damaged or can't be read"):
        CheckpointFolder(tmp_path, {}).restore(*fresh)


def test_missing_best_weights_are_named(state, fresh, tmp_path):
    folder = CheckpointFolder(tmp_path, {})
    folder.save(*state, RECORDS, best_epoch=3)
    (tmp_path / "best-00003.npz").unlink()
    with pytest.raises(CheckpointError, match=r"best-00003\.npz is missing"):
        folder.restore(*fresh)


def test_another_runs_identity_is_refused_with_all_differences(state, fresh, tmp_path):
    CheckpointFolder(tmp_path, {"blocks": 6, "seed": 0, "same": 1}).save(*state, RECORDS, best_epoch=3)
    with pytest.raises(CheckpointError, match="another run's: blocks was 6, now 7; seed was 0, now None; x was None"):
        CheckpointFolder(tmp_path, {"blocks": 7, "same": 1, "x": 1}).restore(*fresh)


def test_another_network_is_refused(state, tmp_path):
    CheckpointFolder(tmp_path, {}).save(*state, RECORDS, best_epoch=3)
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    optimizer = build_optimizer("adam", 0.1)
    optimizer.build(other.trainable_variables)
    with pytest.raises(CheckpointError, match="another network: expected 2 model variables, found 9"):
        CheckpointFolder(tmp_path, {}).restore(other, optimizer)


def test_a_later_format_is_refused(state, fresh, tmp_path, monkeypatch):
    folder = CheckpointFolder(tmp_path, {})
    with monkeypatch.context() as later:
        later.setattr("beauty_mlflow.training.checkpoint._FORMAT", 3)
        folder.save(*state, RECORDS, best_epoch=3)
    with pytest.raises(CheckpointError, match="has format 3, but this version reads format 2"):
        folder.restore(*fresh)


def test_a_full_disk_keeps_the_state_before(state, fresh, tmp_path):
    """The error names folder and remedy, nothing half-written stays, and the state before is whole."""
    model, optimizer = state
    folder = CheckpointFolder(tmp_path, {})
    folder.save(model, optimizer, RECORDS[:1], best_epoch=1)
    before = values(model, optimizer)
    for variable in model.variables:
        variable.assign(variable + 1)
    message = f"after epoch 2 can't be written to {tmp_path}.*The state after epoch 1 is kept. Make room"
    with full_disk(1000), pytest.raises(WorkError, match=message):
        folder.save(model, optimizer, RECORDS[:2], best_epoch=2)
    assert names(tmp_path) == ["best-00001.npz", "checkpoint.npz"]
    assert folder.restore(*fresh) == RECORDS[:1]
    for got, wanted in zip(values(*fresh), before, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_disk_that_is_full_from_the_start_says_that_there_is_no_state(state, tmp_path):
    with full_disk(1000), pytest.raises(WorkError, match="There is no earlier state"):
        CheckpointFolder(tmp_path, {}).save(*state, RECORDS[:1], best_epoch=1)
    assert names(tmp_path) == []


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_run_in_low_precision_goes_on_too(precision, make_network, run, tmp_path, numbers):
    """Only a layer computes in it; for float16 the scale of the loss and its count of steps go on as well."""

    def network():
        return make_network(keras.layers.Conv2D(4, 3, dtype=precision, kernel_initializer="ones"))

    def failing(epoch, _):
        if epoch == 2:
            raise ConnectionError("the tracker is gone")

    whole, resumed = network(), network()
    expected = run(whole, folder=tmp_path / "whole")
    with pytest.raises(ConnectionError, match="the tracker is gone"):
        run(network(), report=failing)
    result = run(resumed)
    for got, wanted in zip(numbers(result.history), numbers(expected.history), strict=True):
        assert got == pytest.approx(wanted, rel=1e-2)
    for got, wanted in zip(resumed.optimizer.variables, whole.optimizer.variables, strict=True):
        np.testing.assert_allclose(np.array(got), np.array(wanted), rtol=0.05, atol=1e-3)
    if precision == "mixed_float16":
        assert int(resumed.optimizer.step_counter) == int(whole.optimizer.step_counter) > 6
