import pytest

from beauty_mlflow.tracking.console import say, warn


@pytest.mark.parametrize(("tell", "begins"), [(say, "note: "), (warn, "WARNING: ")])
def test_what_a_store_answers_doesnt_reach_the_terminal_raw(tell, begins, capsys):
    """Neither colours nor a cleared screen, whatever it wrote into its error."""
    tell("the store says \x1b[2J\x1b[31mgone\x07")
    assert capsys.readouterr().err == f"{begins}the store says \ufffd[2J\ufffd[31mgone\ufffd\n"
