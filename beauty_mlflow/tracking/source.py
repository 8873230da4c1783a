"""Where a run comes from: the user, the command, the commit and the package's version."""

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from beauty_mlflow import __version__
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.owners import own_tag, user
from beauty_mlflow.tracking.redaction import redact
from beauty_mlflow.tracking.store import checkout

GIT_SECONDS = 10


def source_tags() -> dict[str, str]:
    """Return the tags that a new run begins with, without credentials.

    The commit and whether files differ from it (``git.dirty``, true or false) are the checkout's that the package
    runs from; an installed package has only its version.
    """
    return {
        names.USER: user(),
        names.SOURCE_NAME: redact(Path(sys.argv[0]).name or "python"),
        names.SOURCE_TYPE: "LOCAL",
        names.VERSION: __version__,
        **own_tag(),
        **_git_tags(checkout()),
    }


def describe(sentences: str, command: str) -> dict[str, str]:
    """Return the tag that MLflow shows as a run's description: what it is, and the command that does it again.

    Args:
        sentences: What the run is, in words (Markdown).
        command: A shell command; shown as a block of its own.
    """
    return {names.DESCRIPTION: redact(f"{sentences}\n\nTo do it again:\n\n```\n{command}\n```")}


@lru_cache(maxsize=8)
def _git_tags(folder: Path | None) -> dict[str, str]:
    commit = _git(folder, "rev-parse", "HEAD") if folder else None
    if not commit:
        return {}
    dirty = _git(folder, "status", "--porcelain", "--untracked-files=no")
    remote = _git(folder, "config", "--get", "remote.origin.url")
    tags = {names.GIT_COMMIT: commit}
    if dirty is not None:
        tags[names.GIT_DIRTY] = "true" if dirty else "false"
    if remote:
        tags[names.GIT_REPOSITORY] = redact(remote)
    return tags


def _git(folder: Path | None, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)  # noqa: S603 - fixed arguments
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
