import argparse

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("pair", [("sqlite", "sqlite"), ("journal", "none")])
def test_workers_do_trials_together(tmp_path, pair):
    """Two processes on one study: their trials add up, and they sleep for a part of the time."""
    import scaling

    given = argparse.Namespace(seconds=2.0, epochs=2, epoch_seconds=0.05)
    with scaling.prepared(*pair, tmp_path) as place:
        found = scaling.measure(place, 2, given)
    assert found["trials"] >= 2
    assert 0 < found["at_work"] < 1
    assert found["worker_seconds_a_trial"] > 0
    assert found["server_seconds_a_trial"] == 0
