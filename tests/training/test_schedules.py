import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beauty_mlflow.training.schedules import SCHEDULES, factor

EPOCHS = st.integers(1, 500)
SHARE = st.floats(0, 1)


@pytest.mark.parametrize(
    ("schedule", "epochs_done", "epochs", "expected"),
    [
        ("constant", 0, 10, 1),
        ("constant", 9.9, 10, 1),
        ("cosine", 0.5, 21, 0.5),
        ("cosine", 1, 21, 1),
        ("cosine", 11, 21, 0.5),
        ("cosine", 16, 21, 0.14645),
        ("cosine", 21, 21, 0),
        ("cosine", 0.05, 1, 0.5),
        ("cosine", 0.1, 1, 1),
        ("cosine", 0.55, 1, 0.5),
        ("cosine", 0.25, 5, 0.5),
    ],
)
def test_what_the_rate_is_multiplied_by(schedule, epochs_done, epochs, expected):
    """By hand: up over an epoch (a tenth of the whole where that is shorter), then down half a cosine."""
    assert factor(schedule, epochs_done, epochs) == pytest.approx(expected, abs=1e-5)


@given(schedule=st.sampled_from(SCHEDULES), epochs=EPOCHS, share=SHARE)
def test_the_given_rate_is_never_exceeded(schedule, epochs, share):
    """The learning rate that the user gives is the highest, and none is negative."""
    assert 0 <= factor(schedule, share * epochs, epochs) <= 1


@given(epochs=EPOCHS, share=SHARE, step=st.floats(0, 1e-4))
def test_cosine_makes_no_jump(epochs, share, step):
    """A ten-thousandth of the training changes the rate by a thousandth at most, where it rises steepest."""
    before, after = (factor("cosine", min(1, at) * epochs, epochs) for at in (share, share + step))
    assert abs(after - before) <= max(10, epochs) * step + 1e-9


@given(epochs=EPOCHS, one=SHARE, other=SHARE)
def test_cosine_rises_then_only_falls_and_ends_at_nothing(epochs, one, other):
    """After the rise a later step never has a higher rate; the end is 0."""
    rise = min(1, epochs / 10)
    early, late = sorted(rise + share * (epochs - rise) for share in (one, other))
    assert factor("cosine", late, epochs) <= factor("cosine", early, epochs) + 1e-12
    assert factor("cosine", epochs, epochs) == pytest.approx(0, abs=1e-12)


def test_importing_schedules_loads_nothing_heavy():
    """A usage error names the schedules without waiting for TensorFlow."""
    code = (
        "import sys, beauty_mlflow.training.schedules\n"
        "print(sorted({'numpy', 'pandas', 'tensorflow', 'keras', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
