import re

import pytest

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.errors import ParameterError
from beauty_mlflow.features.boundaries import boundaries
from beauty_mlflow.features.estimates import Stage, Workload
from beauty_mlflow.jobs import feed_plans
from beauty_mlflow.jobs.finetune import Finetune, run
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

FAST = {"recipe": "fast", "precision": "float32", "epochs": "2"}
pytestmark = pytest.mark.usefixtures("local_store", "own_cache", "slow_trunk")


def trained(parameters):
    return Run.find(connect(), dict(run(Finetune.parse(parameters)))["run_id"])


def plan_lines(said):
    return re.findall(r"^plan: (.*)$", said, re.MULTILINE)


def test_what_the_head_reads_is_part_of_the_plan(tiny, capsys, monkeypatch):
    """Its bytes and its pass are in the printed sums, also where nothing else is worth keeping."""
    monkeypatch.setattr(feed_plans, "measured_stages", lambda _, trunk: free_stages(trunk))
    found = trained({**tiny, **FAST})
    lines = plan_lines(capsys.readouterr().err)
    assert lines[0].startswith("The activation cache gets pooled for 2 views of each picture: ")
    assert any(line.startswith("That takes about") for line in lines)
    assert lines[-1] == "pooled is kept for the head alone, which is trained first."
    assert found.parameters()["resolved.source"] == "pictures"
    assert "head_val_loss" in found.metrics()


def free_stages(trunk):
    return [
        Stage(name, trunk.rows(name, 1).nbytes, extract_seconds=1, forward_seconds=0, train_seconds=1)
        for name in boundaries(trunk.network)
    ]


def test_no_room_for_what_the_head_reads(tiny, capsys):
    """The training goes on without a head that comes first, and says so; where it was asked for by name, it doesn't."""
    found = trained({**tiny, **FAST, "cache_gb": "0.000012"})
    said = capsys.readouterr().err
    assert re.search(r"plan: The head isn't trained first: the activations that it reads take .*, the cache has", said)
    assert found.status == "FINISHED"
    assert "head_val_loss" not in found.metrics()
    with pytest.raises(ParameterError, match=r"warm_head=true: the activations that it reads take .* Raise cache_gb"):
        run(Finetune.parse({**tiny, **FAST, "cache_gb": "0.000012", "warm_head": "true"}))


def test_room_that_somebody_else_took_meanwhile(tiny, capsys, monkeypatch):
    """Planned while there was room: pictures are read instead, which is said, and a resumed run does the same."""
    taken = feed_plans.make_plan

    def planned(parameters, settings, cache, trunk, versions):
        made = taken(parameters, settings, cache, trunk, versions)
        cache.budget_bytes = 20_000
        return made

    monkeypatch.setattr("beauty_mlflow.jobs.feeding.make_plan", planned)
    found = trained({**tiny, **FAST})
    said = capsys.readouterr().err
    assert re.search(r"doesn't fit in the cache: .* This training reads the pictures instead\.", said)
    assert found.parameters()["resolved.source"] == "pictures"
    assert Cache().usage().in_use == 0


@pytest.mark.parametrize(("trainings", "depths", "times"), [("1", "", 1), ("40", "", 40), ("30", "0-2", 10)])
def test_trainings_that_share_the_cache_count(tiny, monkeypatch, trainings, depths, times):
    """A sweep's trials are spread over its depths."""
    seen = []
    plan = feed_plans.plan

    def noted(stages, trainings, *arguments, **options):
        seen.extend(trainings)
        return plan(stages, trainings, *arguments, **options)

    monkeypatch.setattr(feed_plans, "plan", noted)
    trained({**tiny, "cache": "activations", "cache_trainings": trainings, "cache_depths": depths})
    assert {one.times for one in seen} == {times}


@pytest.mark.parametrize("kept", [True, False])
def test_reading_is_measured_on_some_pictures(tiny, monkeypatch, kept):
    """A picture that is kept decoded costs less than one that isn't; both cost something."""
    seen = []
    monkeypatch.setattr(feed_plans, "Workload", lambda **given: seen.append(Workload(**given)) or seen[-1])
    trained({**tiny, "cache": "activations", "cache_gb": "0" if kept else "0.00002"})
    assert 0 < seen[0].read_seconds < 1
