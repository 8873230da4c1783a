"""What tools/ says to what can't be."""

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import pytest

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
