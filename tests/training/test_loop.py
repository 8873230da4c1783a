import signal
from contextlib import suppress

import keras
import numpy as np
import pytest
import tensorflow as tf

from beauty_mlflow.errors import CheckpointError, DivergedError, Interrupted, ParameterError
from beauty_mlflow.interruption import _interrupt
from beauty_mlflow.training.early_stopping import EarlyStopping
from beauty_mlflow.training.loop import FitOptions
from beauty_mlflow.training.progress import SilentTraining
from beauty_mlflow.training.schedules import factor

NAMES = [
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "epoch_seconds",
    "images_per_second",
]


def with_nan(dataset):
    """Make one pixel of each picture nan."""
    return dataset.map(lambda pictures, labels: (pictures + np.nan, labels))


def weights_of(model):
    return [np.array(variable) for variable in model.variables]


@pytest.fixture
def linear():
    """A network whose training and inference are the same, from 12 numbers to 3 classes."""
    return keras.Sequential(
        [keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    )


def test_it_learns_and_reports_each_epoch_once_with_all_metrics(make_network, run):
    reports = []
    result = run(make_network(), epochs=12, report=lambda epoch, metrics: reports.append((epoch, metrics)))
    assert [epoch for epoch, _ in reports] == list(range(1, 13))
    assert [metrics for _, metrics in reports] == [record.metrics for record in result.history]
    assert all(list(metrics) == NAMES for _, metrics in reports)
    assert result.history[-1].loss < result.history[0].loss
    assert all(record.learning_rate == 1e-2 for record in result.history)
    assert all(0 < 22 / record.images_per_second < record.epoch_seconds for record in result.history)


def test_epoch_e_trains_on_view_e_minus_1(make_network, run, train):
    views = []
    run(make_network(), train=lambda view: views.append(view) or train(view))
    assert views == [0, 1, 2, 3]


def test_the_model_ends_with_the_weights_of_the_lowest_val_loss(make_network, run, validation):
    """A rate that is far too high gets worse; what is kept measures as the best epoch did."""
    model = make_network()
    result = run(model, epochs=30, learning_rate=0.5, patience=2)
    losses = [record.val_loss for record in result.history]
    assert result.best_epoch == int(np.argmin(losses)) + 1
    assert result.best_val_loss == min(losses)
    assert result.best_val_accuracy == result.history[result.best_epoch - 1].val_accuracy
    measured = model.evaluate(validation, verbose=0, return_dict=True)
    assert measured["cross_entropy"] == pytest.approx(result.best_val_loss)


def test_it_stops_when_the_patience_is_used_up(make_network, run, validation):
    """Validated against wrong labels, val_loss rises while the network learns."""
    wrong = validation.map(lambda pictures, labels: (pictures, tf.roll(labels, 1, axis=1)))
    result = run(make_network(), validation=wrong, epochs=40, learning_rate=0.05, patience=2)
    stopping = EarlyStopping(2)
    for record in result.history:
        assert not stopping.stop
        stopping.update(record.val_loss)
    assert stopping.stop
    assert result.best_epoch == len(result.history) - 2
    assert len(result.history) < 40


def test_losses_are_means_over_pictures_with_smoothing_and_weights_in_training_only(linear, run, tmp_path):
    """Ten pictures in batches of 4, 4 and 2 against NumPy; the rate is too small to change anything."""
    generator = np.random.default_rng(1)
    pictures = generator.normal(size=(10, 2, 2, 3)).astype(np.float32)
    labels = np.eye(3, dtype=np.float32)[generator.integers(0, 3, 10)]
    weights = generator.uniform(0.5, 2, 10).astype(np.float32)
    record = run(
        linear,
        train=lambda _: tf.data.Dataset.from_tensor_slices((pictures, labels, weights)).batch(4),
        validation=tf.data.Dataset.from_tensor_slices((pictures, labels)).batch(4),
        train_pictures=10,
        optimizer="sgd",
        learning_rate=1e-12,
        epochs=1,
        label_smoothing=0.3,
    ).history[0]
    logs = -np.log(linear.predict(pictures, verbose=0))
    smoothed = 0.7 * labels + 0.1
    assert record.loss == pytest.approx(np.mean(weights * (smoothed * logs).sum(1)), rel=1e-5)
    assert record.val_loss == pytest.approx(np.mean((labels * logs).sum(1)), rel=1e-5)
    right = np.mean(logs.argmin(1) == labels.argmax(1))
    assert record.accuracy == pytest.approx(right)
    assert record.val_accuracy == pytest.approx(right)


def test_later_epochs_trace_nothing_anew(make_network, run):
    """Python code in a layer runs only while a graph is traced, which then serves the smaller last batch as well."""
    traces, after = [], []

    class Traced(keras.layers.Layer):
        def call(self, pictures):
            traces.append(pictures.shape)
            return pictures

    run(make_network(Traced()), report=lambda *_: after.append(len(traces)))
    assert after[0] > 0
    assert after == [after[0]] * 4
    assert set(traces) == {(None, 8, 8, 3)}


def rates_of(run, model, **options):
    """The optimizer's own rate at each step."""
    rates = []

    class Watching(SilentTraining):
        def step(self, *_):
            rates.append(float(model.optimizer.learning_rate))

    result = run(model, progress=Watching(), **options)
    return rates, [record.learning_rate for record in result.history]


def test_cosine_sets_the_rate_of_each_step_and_the_epochs_last_is_reported(make_network, run):
    """Six steps an epoch, none at 0: the first epoch rises, the last step of all is nearly at 0."""
    rates, reported = rates_of(run, make_network(), learning_rate=0.5, schedule="cosine", epochs=10, patience=10)
    expected = [0.5 * factor("cosine", epoch + (step + 1) / 7, 10) for epoch in range(10) for step in range(6)]
    assert rates == pytest.approx(expected, rel=1e-6)
    assert reported == pytest.approx(expected[5::6], rel=1e-6)
    assert 0 < rates[-1] < 0.005 * max(rates)


def test_the_rate_of_a_network_in_float16_follows_the_schedule(run):
    """There the optimizer is wrapped into another one; the rate reaches the one that moves the weights."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(3, "softmax", dtype="mixed_float16"),
            keras.layers.Activation("linear", dtype="float32"),
        ]
    )
    rates, reported = rates_of(run, model, learning_rate=1e-4, schedule="cosine", epochs=3)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert float(model.optimizer.inner_optimizer.learning_rate) == rates[-1]
    assert reported == pytest.approx(rates[5::6])
    assert len(set(rates)) == len(rates)


def test_a_resumed_run_has_the_rates_of_an_uninterrupted_one(make_network, run, tmp_path):
    """Interrupted in epoch 2; the schedule goes on where it was, and the last rate counts from the run's own epochs."""
    options = {"schedule": "cosine", "epochs": 5, "learning_rate": 1e-3}
    whole, reported = rates_of(run, make_network(), folder=tmp_path / "whole", **options)

    class Interrupting(SilentTraining):
        def step(self, position, _):
            if (position.epoch, position.step) == (2, 3):
                raise Interrupted(15)

    with pytest.raises(Interrupted, match="interrupted by signal 15"):
        run(make_network(), progress=Interrupting(), **options)
    resumed, again = rates_of(run, make_network(), reported=1, **options)
    assert resumed == whole[6:]
    assert again == reported


def test_an_interrupted_run_goes_on_as_if_nothing_had_been(make_network, run, tmp_path, numbers):
    """Interrupted in epoch 3's second step; weights, optimizer, dropout go on where epoch 2 ended."""
    whole = make_network()
    expected = run(whole, epochs=6, folder=tmp_path / "whole")

    class Interrupting(SilentTraining):
        def step(self, position, _):
            if (position.epoch, position.step) == (3, 2):
                raise Interrupted(15)

    first, second = [], []
    with pytest.raises(Interrupted, match="interrupted by signal 15"):
        run(
            make_network(),
            epochs=6,
            progress=Interrupting(),
            report=lambda epoch, _: first.append(epoch),
        )
    resumed = make_network()
    result = run(resumed, epochs=6, reported=2, report=lambda epoch, _: second.append(epoch))
    assert (first, second) == ([1, 2], [3, 4, 5, 6])
    for got, wanted in zip(numbers(result.history), numbers(expected.history), strict=True):
        assert got == pytest.approx(wanted, rel=1e-5)
    for got, wanted in zip(weights_of(resumed), weights_of(whole), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


def test_a_report_that_fails_stops_the_run_and_is_made_up_for_on_resume(make_network, run):
    """The checkpoint comes before the report, so the second epoch isn't trained again, but reported again."""
    reports, validated = [], {}

    def failing(epoch, _):
        if epoch == 2:
            raise ConnectionError("the tracker is gone")
        reports.append(epoch)

    with pytest.raises(ConnectionError, match="the tracker is gone"):
        run(make_network(), report=failing, validated=validated.setdefault)
    before, again = validated.pop(2), []
    trained = []

    class Watching(SilentTraining):
        def epoch(self, record, *_, **__):
            trained.append(record.epoch)

    run(
        make_network(),
        reported=1,
        report=lambda epoch, _: reports.append(epoch),
        progress=Watching(),
        validated=lambda epoch, counts: again.append((epoch, counts)),
    )
    assert reports == [1, 2, 3, 4]
    assert [epoch for epoch, _ in again] == [2, 3, 4]
    np.testing.assert_array_equal(again[0][1], before)
    assert trained == [3, 4]


def test_ctrl_c_passes_through_and_ends_the_progress(make_network, run):
    class Interrupting(SilentTraining):
        closed = False

        def step(self, *_):
            raise KeyboardInterrupt

        def close(self):
            self.closed = True

    progress = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        run(make_network(), progress=progress)
    assert progress.closed


def test_a_signal_that_somebody_has_swallowed_ends_the_run_at_the_next_step(make_network, run, monkeypatch):
    monkeypatch.setattr("beauty_mlflow.interruption._caught", [])

    def swallow(*_):
        with suppress(Interrupted):
            _interrupt(signal.SIGTERM, None)

    reports = []
    with pytest.raises(Interrupted):
        run(make_network(), report=lambda *given: (reports.append(given), swallow()))
    assert len(reports) == 1


def test_a_finished_run_returns_its_result_without_training(make_network, run):
    model, again = make_network(), make_network()
    result = run(model)

    def never(view):
        pytest.fail("a finished run trains no further")

    assert run(again, train=never, reported=4, report=never) == result
    for got, wanted in zip(weights_of(again), weights_of(model), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"identity": {"blocks": 7}}, "blocks was 6, now 7"),
        ({"identity": None}, "blocks was 6, now None"),
        ({"learning_rate": 0.5}, "learning_rate was 0.01, now 0.5"),
        ({"epochs": 2}, "epochs was 1, now 2"),
    ],
)
def test_another_runs_checkpoint_is_refused_and_the_difference_named(make_network, run, changed, difference):
    run(make_network(), epochs=1, identity={"blocks": 6})
    with pytest.raises(CheckpointError, match=f"is another run's: {difference}"):
        run(make_network(), **({"epochs": 1, "identity": {"blocks": 6}} | changed))


def test_a_loss_that_is_no_number_ends_the_run_at_that_step(make_network, run, tmp_path, kept_epochs):
    """The message names epoch, step and rate; nothing is reported or kept of that epoch."""
    reports = []
    with pytest.raises(
        DivergedError, match=r"loss of epoch 1, step \d became (nan|inf) with a learning rate of 1e\+30"
    ):
        run(make_network(), learning_rate=1e30, report=lambda *report: reports.append(report))
    assert reports == []
    assert kept_epochs(tmp_path / "state") == []


def test_the_epochs_before_a_divergence_are_kept(make_network, run, train, tmp_path, kept_epochs):
    with pytest.raises(DivergedError, match="loss of epoch 3, step 1 became nan"):
        run(make_network(), train=lambda view: train(view) if view < 2 else with_nan(train(view)))
    assert kept_epochs(tmp_path / "state") == [1, 2]


def test_a_val_loss_that_is_no_number_ends_the_run(make_network, run, validation):
    with pytest.raises(DivergedError, match="val_loss of epoch 1 became nan"):
        run(make_network(), validation=with_nan(validation))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": float("inf")}, "learning_rate is inf"),
        ({"epochs": 0}, "epochs is 0; expected at least 1"),
        ({"patience": -1}, "patience is -1; expected at least 0"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0; expected from 0 to below 1"),
        ({"schedule": "linear"}, "schedule is linear; expected one of constant, cosine"),
    ],
)
def test_options_outside_their_limits_are_refused(changed, message):
    good = {"optimizer": "sgd", "learning_rate": 0.1, "epochs": 1, "patience": 1}
    with pytest.raises(ParameterError, match=message):
        FitOptions(**(good | changed))


def test_an_unknown_optimizer_is_refused(make_network, run):
    with pytest.raises(ParameterError, match="Unknown optimizer 'adm'"):
        run(make_network(), optimizer="adm")


def test_no_training_pictures_are_refused(make_network, run):
    with pytest.raises(ParameterError, match="no training pictures"):
        run(make_network(), train_pictures=0)
