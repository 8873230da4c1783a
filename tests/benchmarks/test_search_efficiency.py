import csv

import numpy as np
import pytest


@pytest.fixture
def simulated():
    import simulated_training

    return simulated_training


@pytest.fixture
def efficiency():
    import search_efficiency

    return search_efficiency


def test_the_curves_are_those_that_were_recorded(simulated, benchmarks):
    """At the recorded rate's own epochs a simulated training is within the noise of what the thesis printed."""
    with (benchmarks / "learning_curves.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 150
    curves = simulated.recorded()
    off = [
        abs(
            simulated.at(curves[row["dataset"]][int(row["blocks"])], float(row["epoch"]))[0]
            - float(row["val_accuracy"])
        )
        for row in rows
    ]
    assert np.mean(off) < 0.006
    assert max(off) < 0.03


def test_a_rate_too_low_is_slow_and_one_too_high_is_bad(simulated):
    task = simulated.Simulation.draw(0)

    def train(factor):
        return list(task.train(6, task.best_rate * factor, 20, np.random.default_rng(0)))

    low, best, high = train(0.05), train(1), train(20)
    assert low[2].accuracy < best[2].accuracy - 0.03
    assert len(low) > len(best), "a slow training is stopped later"
    assert high[-1].accuracy < best[-1].accuracy - 0.05


def test_a_task_is_the_same_each_time_and_others_differ(simulated):
    assert simulated.Simulation.draw(3) == simulated.Simulation.draw(3)
    assert simulated.Simulation.draw(3).best_rate != simulated.Simulation.draw(5).best_rate


def test_a_search_ends_at_its_target_and_counts_only_what_was_trained(efficiency):
    """Both sides pay for every epoch, also of trials that are pruned; an unreachable target is not reached."""
    task = efficiency.Simulation.draw(0)
    random = efficiency.search(efficiency.RANDOM, task, 1, 12)
    assert len(random.finished) == 12
    target = sorted(value for _, value in random.finished)[-3]
    reached = efficiency.search(efficiency.RANDOM, task, 1, 12, target)
    assert reached.reached
    assert reached.seconds == next(seconds for seconds, value in random.finished if value >= target)
    pruned = efficiency.search(efficiency.SIDES["random_pruned"], task, 1, 12, target=2.0)
    assert not pruned.reached
    assert len(pruned.finished) < 12
    assert pruned.finished[-1][0] <= pruned.seconds < random.seconds


def test_what_never_has_the_target_counts_as_nothing(efficiency):
    assert efficiency.median_of([0.0, 0.0, 5.0])["median"] == 0
    found = efficiency.median_of([1.0, 2.0, 3.0, 4.0, 0.0])
    assert (found["median"], found["reached"]) == (2, 0.8)
    assert found["low"] <= 2 <= found["high"]
