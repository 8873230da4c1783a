import pytest

from beauty_mlflow.errors import GateError
from beauty_mlflow.promotion.gate import DEFAULTS, Gate, read_gate


def test_the_file_beside_the_package_says_the_defaults():
    """All of them, so that who copies it sees every key."""
    assert read_gate() == Gate()
    assert all(f"{name} =" in DEFAULTS.read_text() for name in Gate.model_fields)


def test_what_a_file_doesnt_say_is_as_in_the_defaults(tmp_path):
    (tmp_path / "mine.toml").write_text("minimum_gain = 0.01\nminimum_accuracy = 0.5\n")
    assert read_gate(tmp_path / "mine.toml") == Gate(minimum_gain=0.01, minimum_accuracy=0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("minimum_gian = 0.1", r"mine.toml: unknown key minimum_gian. Did you mean 'minimum_gain'\?. The keys are"),
        ("level = 0", r"mine.toml: level: input should be greater than 0, got 0"),
        (
            "minimum_accuracy = 'half'",
            "expected a number from 0 to 1 or 'largest_class', got 'half'",
        ),
        ("minimum_accuracy = 2", r"minimum_accuracy: expected a number from 0 to 1"),
        ("level = ", r"The gate file '.*mine.toml' is no TOML"),
        pytest.param(f"level = 1{'0' * 5000}", r"The gate file '.*mine.toml' is no TOML", id="5001 digits"),
        pytest.param(f"level = {'[' * 5000}", r"The gate file '.*mine.toml' is no TOML", id="brackets"),
    ],
)
def test_what_cant_be_names_file_and_key(tmp_path, text, message):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(GateError, match=message):
        read_gate(tmp_path / "mine.toml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GateError, match=r"The gate file '.*none.toml' can't be read: No such file"):
        read_gate(tmp_path / "none.toml")
