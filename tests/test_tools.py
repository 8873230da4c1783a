"""What tools/ says to what can't be."""

import contextlib
import http.client
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from database_server import free_port
from waiting import until

TOOLS = Path(__file__).parents[1] / "tools"


def load(name):
    spec = importlib.util.spec_from_file_location(f"tools_{name}", TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("port", ["70000", "65536", "0", "-1", "five"])
def test_a_port_that_is_none_is_a_sentence(port):
    done = subprocess.run(
        [sys.executable, TOOLS / "ui.py", f"--port={port}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"'{port}' is no port; expected 1 to 65535" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("used", "other"), [(65_535, 5000), (54_321, 54_322)])
def test_another_port_than_one_in_use_is_one_that_can_be(used, other):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", used))
        except OSError:
            pass  # in use already, which is what is wanted
        else:
            probe.listen()
        with pytest.raises(SystemExit, match=rf"port {used} can't be used .*PORT={other}$"):
            load("ui").require_free(used)


def test_a_picture_that_no_tour_has_is_an_error_before_anything_is_made():
    screenshots = load("screenshots")
    with pytest.raises(SystemExit, match=r"'explorr' is no picture; expected of thesis-runs, .*mean 'explorer'"):
        screenshots.wanted(["sweep", "explorr"])
    assert [shot.name for shot in screenshots.wanted(["sweep", "registry"])] == ["sweep", "registry"]
    assert len(screenshots.wanted([])) == len(list(screenshots.PICTURES.glob("*.png")))


def test_every_place_in_a_pictures_address_is_known():
    screenshots = load("screenshots")
    known = dict.fromkeys(("thesis", "experiment", "training", "sweep", "promotion"), "7")
    assert all("/7/" in shot.address.format(**known) for shot in screenshots.shots()[:-1])


@pytest.fixture
def ui(local_store):
    """The port of `make ui`'s server on an empty store, and its process; whatever it starts ends with it."""
    port = free_port()
    command = [sys.executable, TOOLS / "ui.py", f"--port={port}"]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        until(lambda: answers(port), seconds=300, pause=0.2, process=server)
        yield port, server
        os.killpg(server.pid, signal.SIGTERM)


def answers(port):
    with contextlib.suppress(OSError):
        return ask(port, "/health", f"127.0.0.1:{port}") == 200
    return False


def ask(port, path, host, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST" if body else "GET", path, body, {"Host": host, **headers})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.slow
def test_the_ui_is_for_this_machine_alone(ui):
    """It listens on loopback and answers to its own names only, so that no page reaches it by a name of its own."""
    port, server = ui
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    places = {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert places == {"127.0.0.1"}
    path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
    strangers = [
        "evil.com",
        "10.evil.com",
        "192.168.evil.com",
        f"10.evil.com:{port}",
        "localhost.evil.com",
        "127.0.0.1",
    ]
    found = {host: ask(port, path, host) for host in (f"localhost:{port}", f"127.0.0.1:{port}", *strangers)}
    assert found == {f"localhost:{port}": 200, f"127.0.0.1:{port}": 200, **dict.fromkeys(strangers, 403)}
    elsewhere = {"Origin": "http://evil.com", "Content-Type": "application/json"}
    create = "/api/2.0/mlflow/experiments/create"
    assert ask(port, create, f"127.0.0.1:{port}", b'{"name": "x"}', **elsewhere) == 403


def test_no_command_of_the_docs_listens_for_everybody():
    """Every server that the pages start listens on loopback, and MLflow's own names the hosts that it answers to."""
    pages = [*TOOLS.parent.glob("*.md"), *(TOOLS.parent / "docs").rglob("*.md")]
    wrong = []
    for page in pages:
        for command in re.findall(r"^(?: {4}|\$ )(.*)$", page.read_text("utf-8"), re.MULTILINE):
            published = re.findall(r"(?:-p|--publish)[ =](\S+)", command) if "docker run" in command else []
            if any(not place.startswith("127.0.0.1:") for place in published):
                wrong.append(f"{page.name}: {command}")
            if re.match(r"(\w+=\S+ )*mlflow (server|ui)\b", command) and "--allowed-hosts" not in command:
                wrong.append(f"{page.name}: {command}")
    assert not wrong
