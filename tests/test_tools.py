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
def test_a_port_that_is_none_is_a_sentence(port, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ui.py", f"--port={port}"])
    with pytest.raises(SystemExit) as end:
        load("ui").main()
    assert end.value.code == 2
    assert f"'{port}' is no port; expected 1 to 65535" in capsys.readouterr().err


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


LOOPBACK = {"127.0.0.1", "localhost", "::1", "[::1]"}
HOSTS = (
    r"""(?:--host|MLFLOW_HOST)["']?(?:\s*[=:,]\s*|\s+)["']?([\w.:*$\[\]]+)""",
    r"""["']-h["'],\s*["']([^"']+)""",  # in a list of words
    r"\bmlflow +(?:server|ui|models +serve)\b[^\n`]*? -h[ =]?([\w.:*$\[\]]+)",
)


def open_to_others(text):
    """What of a text starts a server that others than this machine reach, or one of MLflow's that goes by any name."""
    text = text.replace("\\\n", " ")
    hosts = [host for pattern in HOSTS for host in re.findall(pattern, text)]
    found = [f"listens on {host}" for host in hosts if host not in LOOPBACK]
    own = re.findall(r"^(?: {4}|\$ |\t@|exec )*((?:\w+=\S+ )*mlflow (?:server|ui)\b.*)$", text, re.MULTILINE)
    found += [f"goes by any name: {command}" for command in own if "--allowed-hosts" not in command]
    for command in re.findall(r"docker run.*", text):
        published = re.findall(r"(?:-p|--publish)[ =](\S+)", command)
        found += [f"publishes {place}" for place in published if not place.startswith("127.0.0.1:")]
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$ mlflow server --host 0.0.0.0 --allowed-hosts x", ["listens on 0.0.0.0"]),
        ("    mlflow models serve -m model -h 0.0.0.0 --port 5001", ["listens on 0.0.0.0"]),
        ("so `mlflow models serve -m model --host=[::]` does it", ["listens on [::]"]),
        ("$ MLFLOW_HOST=0.0.0.0 mlflow server --allowed-hosts x", ["listens on 0.0.0.0"]),
        ('["mlflow", "models", "serve", "-h", "0.0.0.0"]', ["listens on 0.0.0.0"]),
        ('{"--host": "0.0.0.0", "--port": "5000"}', ["listens on 0.0.0.0"]),
        ("exec mlflow server \\\n  --workers 2", ["goes by any name: mlflow server    --workers 2"]),
        ("    docker run --rm -p 5001:8080 image", ["publishes 5001:8080"]),
        ("exec mlflow server \\\n  --host 127.0.0.1 \\\n  --allowed-hosts x", []),
        ("    mlflow models serve -m model -h localhost", []),
        ("it listens on 127.0.0.1 unless `--host` says otherwise; `mlflow server` too", []),
        ("    docker run --rm -p 127.0.0.1:5001:8080 image", []),
    ],
)
def test_a_server_that_is_open_to_others_is_found(text, found):
    assert open_to_others(text) == found


def test_no_command_listens_for_everybody():
    """Every server that is started by pages, tools, benchmarks or deploy/ is on loopback, and MLflow's knows its names.

    In compose.yaml the server has a network of containers, of which tests/stack looks at what is reached from outside.
    """
    root = TOOLS.parent
    deployed = (
        path for path in (root / "deploy").iterdir() if path.is_file() and path.name not in ("compose.yaml", ".env")
    )
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    scripts = [root / "Makefile", *TOOLS.glob("*.py"), *(root / "benchmarks").glob("*.py"), *deployed]
    found = {str(path.relative_to(root)): open_to_others(path.read_text("utf-8")) for path in (*pages, *scripts)}
    assert {"Makefile", "deploy/mlflow-server.sh", "docs/production.md", "README.md", "tools/ui.py"} <= found.keys()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
