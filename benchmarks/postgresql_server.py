"""A PostgreSQL server of a benchmark's own, on loopback."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from machine import BenchmarkError
from tracking_server import free_port

START_SECONDS, END_SECONDS = 120, 60
CONNECTIONS = 400  # PostgreSQL's own limit, 100, is too low for 64 workers
USERS = ("postgres", "nobody")  # whom it may run as where we are root, which it refuses


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Yield the URL of an empty database in a new server, which is gone at the end.

    Raises:
        BenchmarkError: PostgreSQL isn't installed, or doesn't start.
    """
    programs = find_programs()
    if not programs:
        raise BenchmarkError("PostgreSQL isn't installed: apt-get install postgresql, or leave it out")
    folder, port = Path(tempfile.mkdtemp(prefix="pg-")), free_port()
    log = folder / "log"
    other = _other_user()
    folder.chmod(0o755)
    if other:
        shutil.chown(folder, str(other["user"]))
    address = ["-h", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as stream:
        options = {"cwd": folder, "stdout": stream, "stderr": stream, **other}
        made = [programs / "initdb", "-D", folder / "data", "-U", "bench", "-A", "trust", "-N"]
        if subprocess.run(made, check=False, **options).returncode:
            raise BenchmarkError(f"initdb failed: {log.read_text()[-1000:]}")
        command = [programs / "postgres", "-D", folder / "data", *address, "-k", folder, "-N", str(CONNECTIONS)]
        server = subprocess.Popen(command, **options)
        try:
            deadline = time.monotonic() + START_SECONDS
            while subprocess.run([programs / "pg_isready", *address, "-q"], check=False).returncode:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise BenchmarkError(f"PostgreSQL didn't start: {log.read_text()[-1000:]}")
                time.sleep(0.1)
            yield f"postgresql://bench@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(END_SECONDS)
            shutil.rmtree(folder)


def find_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian's aren't on the path."""
    found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    return Path(found).resolve().parent if found else None


def installed(stores: Sequence[str]) -> list[str]:
    """Return the stores but for PostgreSQL where that isn't installed, which is then said."""
    if find_programs() or "postgresql" not in stores:
        return list(stores)
    print("PostgreSQL isn't installed (apt-get install postgresql): left out", file=sys.stderr)
    return [store for store in stores if store != "postgresql"]


def sqlalchemy_url(url: str) -> str:
    """Return a database's URL as SQLAlchemy takes it: with the driver that is installed here, psycopg."""
    return url.replace("postgresql:", "postgresql+psycopg:")


def _other_user() -> dict[str, object]:
    if os.geteuid():
        return {}
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in USERS if name in names)
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
