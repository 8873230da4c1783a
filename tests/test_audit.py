"""What `make audit` says of licences and of known vulnerabilities."""

import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from loopback import served

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "tools"
sys.path.insert(0, str(TOOLS))
import licences  # noqa: E402
import vulnerabilities  # noqa: E402

KNOWN = {
    "id": "PYSEC-2018-28",
    "aliases": ["CVE-2018-18074"],
    "summary": "Credentials go along to another host.",
    "affected": [
        {
            "package": {"name": "requests", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.20.0"}]}],
            "versions": ["2.19.0"],
        }
    ],
}
NOBODY = "http://127.0.0.1:9"  # the address of a service that isn't there


def run(tool, *words, **environment):
    command = [sys.executable, TOOLS / tool, *map(str, words)]
    return subprocess.run(
        command, env={**os.environ, "AUDIT_REQUIRED": "", **environment}, capture_output=True, text=True, check=False
    )


def test_all_that_users_install_may_be_used():
    """What is installed here, with every extra that users may ask for."""
    done = run("licences.py")
    assert done.returncode == 0, done.stderr
    assert "packages, all allowed" in done.stdout


class Package:
    version = "1.0"

    def __init__(self, metadata):
        self.metadata = Message()
        for name, value in metadata:
            self.metadata[name] = value


@pytest.mark.parametrize(
    ("metadata", "refused"),
    [
        ([("License-Expression", "MIT")], ""),
        ([("License-Expression", "GPL-3.0-only OR MIT")], ""),
        ([("License-Expression", "MIT AND GPL-3.0-only")], "says MIT AND GPL-3.0-only, which"),
        ([("License-Expression", "GPL-3.0-only"), ("License", "MIT")], "says GPL-3.0-only, which"),
        ([("License", "MIT License")], ""),
        ([("License", "a long\ntext"), ("Classifier", "License :: OSI Approved :: BSD License")], ""),
        ([("Classifier", "License :: OSI Approved :: GNU Affero General Public License v3")], "says GNU Affero"),
        ([("Classifier", "Topic :: Software Development")], "says nothing, which"),
    ],
)
def test_a_licence_that_isnt_allowed_is_named_with_its_package(metadata, refused):
    rules = tomllib.loads(licences.RULES.read_text())["licences"]
    problem = licences.judge("thing", Package(metadata), rules)
    assert problem.startswith("error: the licence of thing 1.0 says") is bool(refused)
    assert refused in problem


@contextmanager
def service(answer, status=200):
    """Yield the address of a service that speaks OSV's protocol; ``answer`` makes its answer from a package's name."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer(asked["package"]["name"]).encode())

        def log_message(self, *_):
            """Say nothing."""

    with served(Service) as host:
        yield f"http://{host}/v1/query"


@pytest.fixture
def osv():
    """The address of a service that knows of one vulnerability."""
    with service(lambda name: json.dumps({"vulns": [KNOWN]} if name == "requests" else {})) as address:
        yield address


@pytest.fixture
def requirements(tmp_path):
    path = tmp_path / "requirements.txt"
    digest = "0" * 64
    path.write_text("".join(f"{one} --hash=sha256:{digest}\n" for one in ("requests==2.19.0", "six==1.17.0")))
    return path


def test_a_known_vulnerability_is_an_error_unless_it_is_accepted(osv, requirements, tmp_path):
    """By whichever of its names it is accepted."""
    done = run("vulnerabilities.py", "--osv-url", osv, requirements)
    assert done.returncode == 1
    assert "error: requests 2.19.0 has PYSEC-2018-28, CVE-2018-18074: Credentials go along" in done.stderr
    assert "Mended in: 2.20.0. Run `make lock UPGRADE=--upgrade`" in done.stderr
    rules = tmp_path / "audit.toml"
    rules.write_text('[vulnerabilities]\n"CVE-2018-18074" = "requests: we send none"\n')
    done = run("vulnerabilities.py", "--osv-url", osv, "--rules", rules, requirements)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "vulnerabilities: 2 packages checked, none is known that isn't accepted\n"


def test_without_the_service_nothing_fails_and_it_is_said(requirements):
    """A build on a machine without a network goes on, unless everything has to be checked."""
    done = run("vulnerabilities.py", "--osv-url", NOBODY, requirements)
    assert (done.returncode, done.stdout) == (0, "")
    assert "WARNING: vulnerabilities were NOT checked: " in done.stderr
    assert "Connection refused" in done.stderr
    done = run("vulnerabilities.py", "--osv-url", NOBODY, requirements, AUDIT_REQUIRED="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"^error: vulnerabilities were NOT checked: .*\(AUDIT_REQUIRED is 1\)$", done.stderr, re.MULTILINE)


def test_a_service_out_of_order_is_none(requirements):
    with service(lambda _: "", status=503) as address:
        done = run("vulnerabilities.py", "--osv-url", address, requirements)
    assert done.returncode == 0
    assert "WARNING: vulnerabilities were NOT checked: requests.exceptions.HTTPError: 503" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"can't be read; make them anew: make lock.*invalid requirements input"),
        ("requests==2.19.0\n", r"can't be read; .*requests==2.19.0 does not contain a hash"),
        ("requests === = 1\n", r"can't be read; .*invalid specifier at line 1"),
        ("# nothing\n", r"no package is pinned in .*requirements.txt. Make it anew: make lock"),
    ],
    ids=["missing", "without hashes", "malformed", "empty"],
)
def test_a_lock_file_that_cannot_be_checked_is_an_error(requirements, content, message):
    """With or without a network."""
    requirements.unlink()
    if content is not None:
        requirements.write_text(content)
    done = run("vulnerabilities.py", "--osv-url", NOBODY, requirements)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(rf"^error: .*{message}", done.stderr, re.DOTALL)


def test_an_answer_that_pip_audit_does_not_understand_is_an_error(requirements):
    """It isn't taken for a service that can't be reached."""
    with service(lambda _: '{"vulns": 7}') as address:
        done = run("vulnerabilities.py", "--osv-url", address, requirements)
    assert done.returncode == 1
    assert done.stderr.startswith("error: pip-audit failed and said:\n")
    assert "TypeError" in done.stderr


def test_make_lock_renews_whatever_is_audited():
    """And every lock file that there is."""
    recipe = (ROOT / "Makefile").read_text().partition("\nlock:")[2]
    renewed = {ROOT / name for name in re.findall(r" -o (\S+)", recipe)}
    assert renewed == {*(ROOT / "requirements").glob("*.txt"), ROOT / "deploy" / "requirements.txt"}
    assert set(vulnerabilities.LOCKS) <= renewed
