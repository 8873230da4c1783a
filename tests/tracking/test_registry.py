import json
import subprocess
import sys
import time
import uuid
from functools import partial

import pytest
from together import together

from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.models import Located
from beauty_mlflow.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect


@pytest.fixture
def registry(store, request):
    name = "".join(sign if sign.isalnum() else "-" for sign in request.node.name)  # the server is shared
    return Registry(store, name)


@pytest.fixture
def versions(registry, run):
    """Three versions, each another logged model."""
    return [registry.add(logged(run)) for _ in range(3)]


def logged(run):
    """A model as the tracker knows it; what it holds doesn't matter here."""
    client = run.store.client
    model = client.create_logged_model(run.experiment_id, names.MODEL, source_run_id=run.run_id)
    client.finalize_logged_model(model.model_id, "READY")
    return Located(model.artifact_location, run.run_id, model.model_id)


def intend(registry, aliases, *, run, begun=0.0):
    """Leave what a process leaves that is killed after it wrote its move down."""
    move = {"aliases": aliases, "before": registry._aliases(), "run_id": run.run_id, "begun": begun}
    registry._client.set_registered_model_tag(registry.name, names.PROMOTION_MOVE, json.dumps(move))


def test_nothing_is_there_at_first(registry):
    assert registry.find(CHAMPION) is None
    assert registry.repair() == ""
    with pytest.raises(TrackingError, match="has no alias 'champion'; it has: none"):
        registry.require(CHAMPION)


def test_a_model_becomes_one_version_only(registry, store, run):
    """Adding it again makes no second version; its tags and description can be set again."""
    model = logged(run)
    first = registry.add(model)
    assert registry.add(model) == first
    assert (first.run_id, first.source) == (run.run_id, f"models:/{model.model_id}")
    registry.annotate(first, {"verdict": "worse"}, "at first")
    registry.annotate(first, {"verdict": "better"}, "now")
    found = store.client.get_model_version(first.name, first.number)
    assert (found.tags["verdict"], found.description) == ("better", "now")
    assert registry.add(logged(run)).number != first.number


def test_a_model_that_two_processes_add_at_once(registry, store, run):
    """Ten times: one version, and what both say of it is there, whoever was first."""
    for _ in range(10):
        model = logged(run)
        both = [Registry(store, registry.name) for _ in range(2)]
        first, second = together(*(partial(one.add, model) for one in both))
        assert first == second
        together(*(partial(one.annotate, first, {"verdict": "better"}, "now") for one in both))
        assert store.client.get_model_version(first.name, first.number).tags["verdict"] == "better"
    found = store.client.search_model_versions(f"name = '{registry.name}'")
    assert len({version.source for version in found}) == len(found) == 10


def test_aliases_move_together(registry, versions, run):
    one, two, three = versions
    registry.move({CHAMPION: one.number}, champion=None, run=run)
    registry.move({PREVIOUS: one.number, CHAMPION: two.number}, champion=one, run=run)
    registry.move({CHALLENGER: three.number}, champion=two, run=run)
    assert [registry.find(alias) for alias in (CHAMPION, PREVIOUS, CHALLENGER)] == [two, one, three]
    assert registry.repair() == ""
    with pytest.raises(TrackingError, match=r"has no alias 'best'; it has: challenger \(version 3\), champion"):
        registry.require("best")


def test_who_decided_on_another_champion_loses(registry, versions, run):
    """The champion stays as it is, and the loser is told."""
    one, two, three = versions
    registry.move({CHAMPION: one.number}, champion=None, run=run)
    registry.move({CHAMPION: two.number}, champion=one, run=run)
    told = "it was version 1 when this was decided, and is version 2 now. Run the command again"
    with pytest.raises(TrackingError, match=told):
        registry.move({CHAMPION: three.number}, champion=one, run=run)
    assert registry.find(CHAMPION) == two


def test_a_move_that_a_crash_cut_short_is_completed(registry, versions, run):
    """Written down, half of the aliases moved: the next call moves the rest and ends the dead run."""
    one, two, _ = versions
    registry.move({CHAMPION: one.number}, champion=None, run=run)
    dead = Run.create(run.store, "killed", {names.PROMOTION_REASON: "why"})
    intend(registry, {PREVIOUS: one.number, CHAMPION: two.number}, run=dead)
    registry._client.set_registered_model_alias(registry.name, PREVIOUS, one.number)
    assert f"the run {dead.run_id} had begun is still to be completed" in registry.pending()
    said = registry.repair()
    assert f"the run {dead.run_id} had begun was completed: previous is version 1, champion is version 2" in said
    assert (registry.find(CHAMPION), registry.find(PREVIOUS)) == (two, one)
    assert dead.status == "FINISHED"
    assert dead.tags[names.PROMOTION_REASON] == "why"
    assert (registry.repair(), registry.pending()) == ("", "")


def test_a_move_that_others_overtook_is_dropped(registry, versions, run):
    """Who moved the champion by hand after the crash isn't overruled, and the audit doesn't call it done."""
    one, two, three = versions
    registry.move({CHAMPION: one.number}, champion=None, run=run)
    dead = Run.create(run.store, "killed")
    intend(registry, {CHAMPION: two.number}, run=dead)
    registry._client.set_registered_model_alias(registry.name, CHAMPION, three.number)
    assert "was dropped: the champion is version 3 by now" in registry.repair()
    assert registry.find(CHAMPION) == three
    assert dead.status == "FAILED"


def test_a_move_whose_command_failed_isnt_carried_out_later(registry, versions, run):
    """Its user was told that it failed: what was moved already goes back."""
    one, two, three = versions
    registry.move({CHAMPION: one.number}, champion=None, run=run)
    registry.move({PREVIOUS: one.number, CHAMPION: two.number}, champion=one, run=run)
    failed = Run.create(run.store, "failed")
    intend(registry, {PREVIOUS: two.number, CHAMPION: three.number}, run=failed, begun=time.time())
    registry._client.set_registered_model_alias(registry.name, PREVIOUS, two.number)
    failed.finish("KILLED")
    assert "was dropped, as its command ended with an error" in registry.repair()
    assert (registry.find(CHAMPION), registry.find(PREVIOUS)) == (two, one)
    assert failed.status == "KILLED"


@pytest.fixture(params=["deleted", "gone for good"])
def lost(request, store):
    """A run that is deleted, or that the store doesn't know any more, as after `mlflow gc`."""
    run = Run.create(store, "killed")
    store.client.delete_run(run.run_id)
    return run if request.param == "deleted" else Run(store, uuid.uuid4().hex)


def test_a_move_whose_run_is_deleted_blocks_nothing(registry, versions, run, lost):
    """There is nobody left to tell what became of it but the user: what was moved already goes back."""
    one, two, three = versions
    registry.move({CHAMPION: one.number}, champion=None, run=run)
    intend(registry, {PREVIOUS: one.number, CHAMPION: two.number}, run=lost)
    registry._client.set_registered_model_alias(registry.name, PREVIOUS, one.number)
    said = registry.repair()
    assert f"the run {lost.run_id} had begun was dropped; that run is deleted" in said
    assert (registry.find(CHAMPION), registry.find(PREVIOUS)) == (one, None)
    assert (registry.repair(), registry.pending()) == ("", "")
    registry.move({CHAMPION: three.number}, champion=one, run=run)
    assert registry.find(CHAMPION) == three


def test_a_champion_in_use_stays_though_its_run_is_deleted(registry, versions, run, lost):
    """All that was left to do was to end the run."""
    one, two, _ = versions
    registry.move({CHAMPION: one.number}, champion=None, run=run)
    intend(registry, {CHAMPION: two.number}, run=lost)
    registry._client.set_registered_model_alias(registry.name, CHAMPION, two.number)
    assert "was completed: champion is version 2; that run is deleted" in registry.repair()
    assert registry.find(CHAMPION) == two
    assert registry.pending() == ""


@pytest.fixture
def on_server(server_uri, monkeypatch, request):
    """A registered model of the test's own on a server, a run, and that run's version of it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    store = connect()
    registry, run = Registry(store, request.node.name), Run.create(store, "a run")
    return registry, run, registry.add(logged(run))


def test_a_move_whose_run_is_deleted_meanwhile_isnt_disturbed(on_server):
    """On a server its process may be at work still."""
    registry, run, one = on_server
    intend(registry, {CHAMPION: one.number}, run=run, begun=time.time())
    run.store.client.delete_run(run.run_id)
    with pytest.raises(TrackingError, match=f"the run {run.run_id} is moving it at this moment"):
        registry.repair()


def test_an_interrupted_wait_leaves_no_note(on_server, monkeypatch):
    """Ctrl-C before anything is moved: nothing is moved later either."""
    registry, run, one = on_server

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("beauty_mlflow.tracking.registry.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        registry.move({CHAMPION: one.number}, champion=None, run=run)
    assert registry.pending() == ""
    assert registry.find(CHAMPION) is None


def test_an_unreadable_note_is_named(registry, versions):
    registry._client.set_registered_model_tag(registry.name, names.PROMOTION_MOVE, "{")
    with pytest.raises(TrackingError, match=r"The tag promotion.move of the registered model .* can't be read"):
        registry.repair()


def test_a_move_on_a_server_that_goes_on_is_left_alone(on_server):
    """A server's store can't be locked: who finds a fresh note is told to come again."""
    registry, run, one = on_server
    intend(registry, {CHAMPION: one.number}, run=run, begun=time.time())
    with pytest.raises(TrackingError, match=f"the run {run.run_id} is moving it at this moment"):
        registry.repair()
    assert registry.find(CHAMPION) is None


RIVAL = """
import sys
from beauty_mlflow.errors import TrackingError
from beauty_mlflow.tracking.registry import CHAMPION, Registry
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

name, number = sys.argv[1:]
store = connect()
registry, run = Registry(store, name), Run.create(store, "a rival")
print("ready", flush=True)
sys.stdin.readline()
try:
    registry.move({CHAMPION: number}, champion=None, run=run)
except TrackingError as error:
    print(error)
"""


@pytest.mark.slow
def test_of_rivals_at_the_same_moment_one_wins(registry, versions):
    """Three processes want the first champion: one gets it, the others are told, and nobody is overwritten."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    rivals = {
        one.number: subprocess.Popen([sys.executable, "-c", RIVAL, registry.name, one.number], **pipes)
        for one in versions
    }
    assert [rival.stdout.readline() for rival in rivals.values()] == ["ready\n"] * len(versions)
    for rival in rivals.values():
        rival.stdin.write("\n")
        rival.stdin.flush()
    told = {number: rival.communicate()[0] for number, rival in rivals.items()}
    winners = [number for number, words in told.items() if not words]
    assert len(winners) == 1, told
    assert registry.find(CHAMPION).number == winners[0]
    assert all("wasn't touched" in words for words in told.values() if words)
