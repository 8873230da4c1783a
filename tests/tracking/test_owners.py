"""Whose a run is, and whether that process lives."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import psutil
import pytest

from beauty_mlflow import processes
from beauty_mlflow.processes import Process
from beauty_mlflow.tracking import names, owners
from beauty_mlflow.tracking.owners import hosts_of, life_of, own_tag, processes_of, user
from beauty_mlflow.tracking.runs import Run

HERE = Process.this()
DEAD = replace(HERE, started=HERE.started - 1)
ELSEWHERE = replace(HERE, host="elsewhere")


def tags(*named, by=None):
    return {names.PROCESS: json.dumps([asdict(one) for one in named]), names.USER: by or user()}


@pytest.mark.parametrize(
    ("named", "life"),
    [
        ([HERE], "alive"),
        ([DEAD], "dead"),
        ([ELSEWHERE], "unknown"),
        ([DEAD, HERE], "alive"),
        ([DEAD, DEAD], "dead"),
        ([ELSEWHERE, HERE], "alive"),
        ([ELSEWHERE, DEAD], "unknown"),
        ([], "unknown"),
    ],
)
def test_a_run_lives_while_one_of_its_processes_does(named, life):
    """It is dead only where all of them were of this machine."""
    assert life_of(tags(*named)) == life


def test_another_user_s_process_may_be_hidden(monkeypatch):
    """So only root, who sees every process, can say that it is dead."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert life_of(tags(DEAD, by="somebody else")) == "unknown"
    assert life_of(tags(HERE, by="somebody else")) == "alive"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert life_of(tags(DEAD, by="somebody else")) == "dead"


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"host": "h"}]', '{"host": "h"}', "null"])
def test_a_tag_that_cant_be_read_names_nobody(text):
    assert processes_of({names.PROCESS: text}) == []
    assert life_of({names.PROCESS: text, names.USER: user()}) == "unknown"


def test_who_joins_is_added_and_the_dead_are_left_out():
    """Those of other machines stay: whether they are dead isn't known here."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        living = Process(HERE.host, other.pid, processes._started(psutil.Process(other.pid)))
        known = processes_of(own_tag(tags(DEAD, ELSEWHERE, living, HERE)))
        assert known == [ELSEWHERE, living, HERE]
        assert hosts_of(own_tag(tags(ELSEWHERE))) == sorted({"elsewhere", HERE.host})
        other.communicate(b"\n")
    assert processes_of(own_tag(tags(living))) == [HERE]


def test_a_run_is_this_process_s_from_its_beginning(local_run):
    assert processes_of(local_run.tags) == [HERE]


def test_who_reopens_a_run_is_its_process(local_run):
    """As a resumed training, or a sweep that is gone on with."""
    local_run.store.client.set_tag(local_run.run_id, names.PROCESS, tags(DEAD, ELSEWHERE)[names.PROCESS])
    local_run.finish("FAILED")
    Run.find(local_run.store, local_run.run_id).reopen()
    assert processes_of(local_run.tags) == [ELSEWHERE, HERE]
    assert owners.life_of(local_run.tags) == "alive"
