"""Ask whether a package of the lock files has a known vulnerability, with pip-audit.

usage: python tools/vulnerabilities.py [--osv-url URL] [REQUIREMENTS ...]

Those that can't be mended stand in tools/audit.toml, with the reason. What the service (PyPI's, or one that speaks
OSV's protocol) couldn't be asked about is said and is no error, so that a build goes on without a network; with
AUDIT_REQUIRED=1 it is one. Whatever else keeps the files from being checked is an error.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "tools" / "audit.toml"
LOCKS = [
    *(ROOT / "requirements" / name for name in ("cpu.txt", "dev-cpu.txt", "dev-gpu.txt", "uv.txt")),
    ROOT / "deploy" / "requirements.txt",
]
SHOWN = 5
OPTIONS = ("--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off")
# what pip-audit ends with where there is no connection, or no answer but that of a proxy or of a service out of order
UNREACHABLE = re.compile(
    r"^(requests\.exceptions\.(ConnectionError|ConnectTimeout|ProxyError|ReadTimeout|SSLError): .*"
    r"|requests\.exceptions\.HTTPError: (403|407|429|5\d\d) .*"
    r"|ERROR:pip_audit\._cli:(Could not connect to .*|.* is not redirecting properly))$",
    re.MULTILINE,
)


class UnreachableError(Exception):
    """The service that knows of vulnerabilities can't be asked; the message says why."""


def main() -> None:
    """End with status 1 where a vulnerability is known that isn't accepted, or the files couldn't be checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("requirements", nargs="*", type=Path, default=LOCKS)
    parser.add_argument("--osv-url", default="", help="a service of OSV's protocol, instead of PyPI's")
    parser.add_argument("--rules", type=Path, default=RULES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    accepted = tomllib.loads(given.rules.read_text("utf-8"))["vulnerabilities"]
    try:
        report = audit(given.requirements, given.osv_url)
    except UnreachableError as error:
        warn(f"vulnerabilities were NOT checked: {error}")
        return
    unknown = [package["name"] for package in report if "skip_reason" in package]
    if unknown:
        some = f"{', '.join(unknown[:SHOWN])}{' …' if len(unknown) > SHOWN else ''}"
        warn(
            f"{len(unknown)} of {len(report)} packages were NOT checked for vulnerabilities, the service "
            f"doesn't know them: {some}"
        )
    problems = [line for package in report for line in judge(package, accepted)]
    if problems:
        sys.exit("\n".join(problems))
    if len(unknown) < len(report):
        print(f"vulnerabilities: {len(report) - len(unknown)} packages checked, none is known that isn't accepted")


def warn(sentence: str) -> None:
    """Say what wasn't checked; end with status 1 where everything has to be."""
    if os.environ.get("AUDIT_REQUIRED") == "1":
        sys.exit(f"error: {sentence} (AUDIT_REQUIRED is 1)")
    print(f"WARNING: {sentence}", file=sys.stderr)


def audit(requirements: Sequence[Path], osv_url: str) -> list[dict[str, Any]]:
    """Return pip-audit's report, a dictionary a package.

    Raises:
        UnreachableError: The service can't be asked.
        SystemExit: The files aren't lock files, or pip-audit failed otherwise; with what it said.
    """
    service = ["--vulnerability-service", "osv", "--osv-url", osv_url] if osv_url else []
    words = [*service, *(word for path in requirements for word in ("--requirement", str(path)))]
    _, failure = _pip_audit("--dry-run", *words)  # reads the files and asks nobody
    if failure:
        sys.exit(f"error: the lock files can't be read; make them anew: make lock. pip-audit said:\n{failure}")
    empty = [str(path) for path in requirements if not re.search(r"^[\w.-]+==", path.read_text("utf-8"), re.MULTILINE)]
    if empty:
        sys.exit(f"error: no package is pinned in {', '.join(empty)}. Make it anew: make lock")
    report, failure = _pip_audit(*words)
    if failure and (found := UNREACHABLE.search(failure)):
        raise UnreachableError(found[0])
    if failure:
        sys.exit(f"error: pip-audit failed and said:\n{failure}")
    return report


def _pip_audit(*words: str) -> tuple[list[dict[str, Any]], str]:
    """Return the report, and what was said instead where there is none."""
    command = [sys.executable, "-m", "pip_audit", *OPTIONS, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, LookupError):
        return [], done.stderr.strip() or f"status {done.returncode} and not a word"
    return report, ""


def judge(package: Mapping[str, Any], accepted: Mapping[str, str]) -> list[str]:
    """Return a line for each known vulnerability of a package that isn't accepted."""
    return [
        f"error: {package['name']} {package['version']} has {', '.join([found['id'], *found['aliases']])}: "
        f"{found['description'][:200]} Mended in: {', '.join(found['fix_versions']) or 'no version yet'}. Run "
        f"`make lock UPGRADE=--upgrade`, or write into {RULES.name} why it is accepted."
        for found in package.get("vulns", ())
        if not accepted.keys() & {found["id"], *found["aliases"]}
    ]


if __name__ == "__main__":
    main()
