from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beauty_mlflow.training.early_stopping import EarlyStopping


def follow(losses, patience):
    """Feed losses until it says stop; return it."""
    stopping = EarlyStopping(patience)
    for loss in losses:
        stopping.update(loss)
        if stopping.stop:
            break
    return stopping


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "best_epoch"),
    [
        ([3, 2, 1, 0.5], 3, 4, 4),
        ([1, 2, 2, 2, 0], 3, 4, 1),
        ([1, 2, 2, 0, 1, 1, 1, 1], 3, 7, 4),
        ([1, 1, 1, 1, 1], 3, 4, 1),
        ([2, 1, 1.5, 0.5], 1, 3, 2),
        ([2, 1, 1.5, 0.5], 0, 3, 2),
        ([float("nan"), 1, 2, 2], 2, 4, 2),
    ],
    ids=["falling", "rising", "waits and recovers", "a tie is no gain", "patience 1", "0 acts as 1", "nan"],
)
def test_it_stops_and_keeps(losses, patience, epochs, best_epoch):
    """Hand-written losses: after which epoch it stops, and which epoch it keeps."""
    stopping = follow(losses, patience)
    assert (stopping.epoch, stopping.best_epoch) == (epochs, best_epoch)


def test_update_says_whether_the_epoch_is_the_best_so_far():
    stopping = EarlyStopping(3)
    assert [stopping.update(loss) for loss in (2, 1, 1, 0.9)] == [True, True, False, True]


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=12), st.integers(0, 4))
def test_it_stops_where_keras_does_and_keeps_the_first_lowest(losses, patience):
    """Against Keras' own callback on any losses."""
    callback = keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience, mode="min")
    callback.set_model(SimpleNamespace(stop_training=False))
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if callback.model.stop_training:
            break
    stopping = follow(losses, patience)
    assert (stopping.epoch, stopping.stop) == (epoch + 1, callback.model.stop_training)
    assert stopping.best_epoch == np.argmin(losses[: stopping.epoch]) + 1
