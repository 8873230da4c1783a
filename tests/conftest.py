"""What every room's tests share: an environment of their own, and the three kinds of store."""

import gc
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # for what the tests of several rooms share

from faulty_proxy import faulty_proxy  # noqa: E402
from forks import environment_of  # noqa: E402
from lacking import lacks  # noqa: E402
from mlflow_server import plain_environment, running, server_command  # noqa: E402
from waiting import until  # noqa: E402

FORKS_SECONDS = 900  # until the fork server has imported everything
# MLflow keeps a pool of open connections to each SQLite file for the life of the process
POOL = "MLFLOW_SQLALCHEMYSTORE_POOLCLASS"


# how long an example takes says what else the machine does; other examples each time are `make fuzz`'s to try, so that
# the same commit always passes or always fails
FUZZ_EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
settings.register_profile("the same each time", deadline=None, derandomize=True)
settings.register_profile("fuzzing", deadline=None, max_examples=int(FUZZ_EXAMPLES or 100))
settings.load_profile("fuzzing" if FUZZ_EXAMPLES else "the same each time")


def pytest_collection_modifyitems(items):
    """Files with the longest tests go first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: (item.path.parent != HERE, item.path.parent != HERE / "jobs"))


class FailuresAtOnce:
    """Tells each failure as it happens: a run that is cut off at its time limit never comes to pytest's own summary."""

    def __init__(self, terminal):
        self._terminal = terminal

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.write_sep("_", f"{report.when} of {report.nodeid} failed")
            self._terminal.write_line(report.longreprtext)
            for title, text in report.sections:
                self._terminal.write_sep("-", title)
                self._terminal.write_line(text)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    terminal = config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FailuresAtOnce(terminal))


def pytest_collection_finish():
    """What is imported stays: each of a training's garbage collections would look through all of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    """The cache folder that all tests share: what is in it is made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def isolated_environment(monkeypatch, tmp_path_factory, session_cache):
    """No test sees the user's MLflow settings, cache or state, nor leaves its own behind."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "BEAUTY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(session_cache))
    monkeypatch.setenv("BEAUTY_STATE_DIR", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv(POOL, "NullPool")
    yield
    if "mlflow" in sys.modules:
        sys.modules["mlflow"].set_tracking_uri(None)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def beauty():
    """Run the command line in a process of its own."""

    def call(*arguments, **options):
        command = [sys.executable, "-m", "beauty_mlflow", *map(str, arguments)]
        return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False, **options)

    return call


@pytest.fixture(scope="session")
def fork_server(tmp_path_factory):
    """The folder of a process that has imported everything and forks the commands."""
    folder = tmp_path_factory.mktemp("forks")
    script = HERE / "fork_server.py"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, script, folder],
            env=plain_environment(TF_CPP_MIN_LOG_LEVEL="3"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    until((folder / "socket").exists, seconds=FORKS_SECONDS, pause=0.1, process=server, log=folder / "log")
    yield folder
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@pytest.fixture(scope="session")
def forking_path(fork_server, tmp_path_factory):
    """Environment variables with which `beauty` in a shell's commands is a child of the fork server."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "beauty"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "forked_command.py"}" "$@"\n')
    command.chmod(0o755)
    programs = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": programs, **environment_of(fork_server)}


@pytest.fixture(scope="session")
def draw_sample(tmp_path_factory):
    """Draw so many classes of so many pictures; return the folder."""
    from beauty_mlflow.data.sample import make_sample
    from beauty_mlflow.progress import silent_progress

    def draw(classes, images):
        folder = tmp_path_factory.mktemp("sample") / "boxes"
        make_sample(folder, classes=classes, images=images, seed=0, progress=silent_progress)
        return folder

    return draw


@pytest.fixture(scope="session")
def chromium():
    """One browser for the session."""
    program = shutil.which("chromium")
    if program is None:
        lacks("chromium isn't installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """Return an empty page of a size and colour scheme; what its console said is in ``page.said``."""
    opened = []

    def make(width=1280, height=800, scheme="light", **options):
        page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        page.set_default_timeout(120_000)
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: (page.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        opened.append(page)
        return page

    yield make
    for page in opened:
        page.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """An SQLite store with its tables made: copying it saves two seconds a test."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    script = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments()"
    subprocess.run([sys.executable, "-c", script, f"sqlite:///{path}"], check=True, env=plain_environment())
    return path


@pytest.fixture
def sqlite_uri(tmp_path, sqlite_template):
    """A fresh SQLite store of this test's own."""
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture
def file_uri(tmp_path):
    """A fresh file store of this test's own."""
    return (tmp_path / "filestore").as_uri()


@pytest.fixture(scope="session")
def lasting_store(tmp_path_factory, sqlite_template, session_cache):
    """A context manager for fixtures that several tests share: runs go to a store of their own, whose URI it yields."""

    @contextmanager
    def opened(name):
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(sqlite_template, folder / "mlflow.db")
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", uri)
            patch.setenv(POOL, "NullPool")
            patch.setenv("BEAUTY_CACHE_DIR", str(session_cache))
            patch.setenv("BEAUTY_STATE_DIR", str(folder / "state"))
            yield uri

    return opened


@pytest.fixture(scope="session", name="running")
def running_server():
    """A context manager that starts a server; see ``mlflow_server.running``."""
    return running


@pytest.fixture(scope="session")
def server_uri(tmp_path_factory, sqlite_template):
    """A real tracking server on loopback, one for the whole session; tests share what it stores."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(sqlite_template, folder / "mlflow.db")

    with running(server_command(folder), folder, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false") as uri:
        yield uri


@pytest.fixture(params=["file", "sqlite", "server"])
def store_uri(request, monkeypatch):
    """Each kind of store in turn, as MLFLOW_TRACKING_URI says it."""
    if request.param == "file":
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = request.getfixturevalue(f"{request.param}_uri")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture
def faults(server_uri, monkeypatch, request):
    """The faults of the network between this test and a real server, in an experiment of the test's own."""
    from beauty_mlflow.tracking.spool import sender

    with faulty_proxy(server_uri) as (uri, faults):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", request.node.name)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        monkeypatch.setattr(sender, "FIRST_PAUSE_SECONDS", 0.05)
        monkeypatch.setattr(sender, "LONGEST_PAUSE_SECONDS", 0.2)
        yield faults
        faults.heal()


@pytest.fixture
def local_store(sqlite_uri, monkeypatch):
    """The quickest store alone, for tests that aren't about stores."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    return sqlite_uri
