"""Ask whether a package of the lock files has a known vulnerability, with pip-audit.

usage: python tools/vulnerabilities.py [--osv-url URL] [REQUIREMENTS ...]

Those that can't be mended stand in tools/audit.toml, with the reason. What couldn't be asked about is said and is no
error: without the service (PyPI's, or one that speaks OSV's protocol) a build goes on.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "tools" / "audit.toml"
LOCKS = [
    *(ROOT / "requirements" / name for name in ("cpu.txt", "dev-cpu.txt", "dev-gpu.txt", "uv.txt")),
    ROOT / "deploy" / "requirements.txt",
]
SHOWN = 5


def main() -> None:
    """End with status 1 where a vulnerability is known that isn't accepted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("requirements", nargs="*", type=Path, default=LOCKS)
    parser.add_argument("--osv-url", default="", help="a service of OSV's protocol, instead of PyPI's")
    parser.add_argument("--rules", type=Path, default=RULES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    accepted = tomllib.loads(given.rules.read_text("utf-8"))["vulnerabilities"]
    report = audit(given.requirements, given.osv_url)
    if isinstance(report, str):
        print(f"WARNING: vulnerabilities were NOT checked: {report}", file=sys.stderr)
        return
    unknown = [package["name"] for package in report if "skip_reason" in package]
    if unknown:
        some = f"{', '.join(unknown[:SHOWN])}{' …' if len(unknown) > SHOWN else ''}"
        print(
            f"WARNING: {len(unknown)} of {len(report)} packages were NOT checked for vulnerabilities, the service "
            f"doesn't know them: {some}",
            file=sys.stderr,
        )
    problems = [line for package in report for line in judge(package, accepted)]
    if problems:
        sys.exit("\n".join(problems))
    if len(unknown) < len(report):
        print(f"vulnerabilities: {len(report) - len(unknown)} packages checked, none is known that isn't accepted")


def audit(requirements: list[Path], osv_url: str) -> list[dict[str, Any]] | str:
    """Return pip-audit's report, a dictionary a package, or why there is none."""
    files = [word for path in requirements for word in ("--requirement", str(path))]
    service = ["--vulnerability-service", "osv", "--osv-url", osv_url] if osv_url else []
    options = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", *options, *service, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, LookupError):
        return (done.stderr.strip() or "pip-audit said nothing").splitlines()[-1]
    return report


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
