"""The pictures of docs/browsing.md, from a real server with the thesis's runs, trainings, a sweep and promotions.

    make screenshots
    python tools/screenshots.py sweep registry   (these alone)

The store is made once, below build/screenshots (minutes); remove that folder to make it anew. Needs Debian's
chromium, or another browser of its kind whose path is in CHROMIUM.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from beauty_mlflow.errors import did_you_mean
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.experiments import VIEWS, page_of
from beauty_mlflow.tracking.store import Store, connect

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "screenshots"
PICTURES = ROOT / "docs" / "images" / "browsing"
BEAUTY = Path(sys.executable).with_name("beauty")
SIZE = {"width": 1400, "height": 860}
PATIENCE = 120_000  # milliseconds: a busy machine draws slowly
EPOCHS = 8
SETTLED = 3_000  # milliseconds after which charts stand still


@dataclass(frozen=True)
class Shot:
    """A picture: its name, the page's address from # on with places in braces, and what must be seen first."""

    name: str
    address: str
    seen: str
    then: Callable[[Page], Any] | None = None


def main() -> None:
    """Make the store where it isn't there, start a server on it, and take each picture."""
    chosen = wanted(sys.argv[1:])
    made = FOLDER / "made"
    if not made.exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with served() as address, sync_playwright() as playwright:
        os.environ |= {"MLFLOW_TRACKING_URI": address.rstrip("/"), "BEAUTY_STATE_DIR": str(FOLDER / "state")}
        if not made.exists():
            make_store()
            made.touch()
        browser = playwright.chromium.launch(executable_path=_browser(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE)
        known = places(connect())
        for shot in chosen:
            take(page, f"{address}{shot.address.format(**known)}", shot)
        browser.close()


def wanted(chosen: Sequence[str]) -> list[Shot]:
    """Return the pictures of these names, all of them where none is given; end with a sentence at an unknown one."""
    every = {shot.name: shot for shot in shots()}
    for name in chosen:
        if name not in every:
            sys.exit(f"error: '{name}' is no picture; expected of {', '.join(every)}.{did_you_mean(name, every)}")
    return [shot for name, shot in every.items() if not chosen or name in chosen]


def make_store() -> None:
    """Run the commands whose results the tour shows: the thesis's runs, two trainings and promotions, a sweep."""
    beauty("reference")
    shallow = beauty("main", "--network", "efficientnet_lite0", "--blocks", "0", "--epochs", "6")
    beauty("promote", "--candidate", shallow)
    deep = beauty("main", "--network", "efficientnet_lite0", "--blocks", "6", "--epochs", str(EPOCHS))
    beauty("promote", "--candidate", deep, refused=True)
    storage = str(FOLDER / "optuna.db")
    beauty("sweep", "--config", str(ROOT / "sweeps" / "smoke.toml"), "--trials", "12", "--storage", storage)


def beauty(*words: str, refused: bool = False) -> str:
    """Run a command and return the run id that it prints last; exit status 3 is a promotion's refusal."""
    print("beauty", *words, flush=True)
    done = subprocess.run([str(BEAUTY), *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode not in ((0, 3) if refused else (0,)):
        sys.exit(f"error: beauty {' '.join(words)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return (re.findall(r"run_id: (\S+)", done.stdout) or [""])[-1]


@contextmanager
def served() -> Iterator[str]:
    """Run MLflow's server, as a team would, on a free port of loopback, and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "--backend-store-uri": f"sqlite:///{FOLDER / 'mlflow.db'}",
        "--artifacts-destination": str(FOLDER / "artifacts"),
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--allowed-hosts": f"127.0.0.1:{port}",
    }
    command = [str(BEAUTY.with_name("mlflow")), "server", *(word for option in options.items() for word in option)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (
        (FOLDER / "server.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True) as server,
    ):
        try:
            yield _answering(f"http://127.0.0.1:{port}/", server)
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def shots() -> list[Shot]:
    """Return the pictures of the tour, in its order."""
    views = {view.key: view for view in VIEWS}
    thesis, trainings = page_of("{thesis}", views["trainings"]), page_of("{experiment}", views["trainings"])
    runs, ml = "#/experiments/{experiment}/runs", "?workflowType=machine_learning"
    training = f"{runs}/{{training}}"
    return [
        Shot("thesis-runs", thesis, "grouped inception_v3"),
        Shot("thesis-charts", f"{thesis}&compareRunsMode=CHART", "Model metrics"),
        Shot("trainings", trainings, "finetune efficientnet_lite0"),
        Shot("training", f"{training}{ml}", "Fine-tunes"),
        Shot("curves", f"{training}/model-metrics{ml}", "best_val_accuracy"),
        Shot("epochs", f"{training}/model-metrics{ml}", "best_val_accuracy", show_confusion),
        Shot("explorer", f"{training}/artifacts/evaluation/val/explorer.html{ml}", "explorer.html"),
        Shot("sweep", f"{runs}/{{sweep}}/artifacts/search/search.html{ml}", "search.html"),
        Shot("sweep-trials", page_of("{experiment}", views["sweeps"]), "sweep smoke", show_trials),
        Shot("promotion", f"{runs}/{{promotion}}/artifacts/promotion/report.html{ml}", "report.html"),
        Shot("registry", "#/models/beauty", "champion"),
    ]


def places(store: Store) -> dict[str, str]:
    """Return the ids that stand for the places in the addresses."""
    return {
        "thesis": str(store.client.get_experiment_by_name("beauty-thesis-2018").experiment_id),
        "experiment": store.experiment_id,
        "training": _newest(store, "tags.mlflow.runName LIKE 'finetune%' AND params.blocks = '6'"),
        "sweep": _newest(store, "tags.mlflow.runName LIKE 'sweep%'"),
        "promotion": _newest(store, "tags.`promotion.kind` = 'promote'"),
    }


def take(page: Page, address: str, shot: Shot) -> None:
    """Take one picture, once what it shows is there."""
    page.goto("about:blank")
    page.goto(address)
    page.get_by_text(shot.seen).first.wait_for()
    for close in page.get_by_role("button", name="Close").all():
        close.click()
    page.wait_for_timeout(SETTLED)
    if shot.then:
        shot.then(page)
        page.wait_for_timeout(SETTLED)
    page.screenshot(path=str(PICTURES / f"{shot.name}.png"))
    print(PICTURES / f"{shot.name}.png", flush=True)


def show_trials(page: Page) -> None:
    """Unfold the sweep."""
    page.locator(".ag-row button").first.click()


def show_confusion(page: Page) -> None:
    """Open the form for a chart of images, and choose the last epochs' confusion."""
    page.get_by_role("button", name="Add chart").first.click()
    page.get_by_text("Image grid").first.click()
    form = page.get_by_role("dialog")
    form.get_by_role("combobox").nth(1).click()
    page.get_by_role("option").filter(has_text=names.EPOCH_CONFUSIONS).first.click()
    page.keyboard.press("Escape")
    form.get_by_role("switch").click()  # the run's parameters, which hide the picture
    form.get_by_role("spinbutton").fill(str(EPOCHS))
    page.keyboard.press("Tab")


def _newest(store: Store, condition: str) -> str:
    found = store.client.search_runs([store.experiment_id], condition, max_results=1)
    if not found:
        sys.exit(f"error: {FOLDER} has no run with {condition}; remove that folder and try again")
    return str(found[0].info.run_id)


def _browser() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        sys.exit("error: chromium isn't installed (apt-get install chromium), and CHROMIUM doesn't name a browser")
    return found


def _answering(address: str, server: subprocess.Popen[bytes]) -> str:
    while server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}health", timeout=5):  # noqa: S310 - our own server
                return address
        except OSError:
            time.sleep(0.5)
    sys.exit(f"error: the server ended with status {server.returncode}; see {FOLDER / 'server.log'}")


if __name__ == "__main__":
    main()
