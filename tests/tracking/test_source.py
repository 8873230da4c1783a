import subprocess

import pytest

from beauty_mlflow import __version__
from beauty_mlflow.tracking import names, source


def git(folder, *arguments):
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-qm", "one")
    source._git_tags.cache_clear()
    return tmp_path


def test_a_clean_checkout_gives_its_commit(repository):
    tags = source._git_tags(repository)
    assert tags == {names.GIT_COMMIT: git(repository, "rev-parse", "HEAD"), names.GIT_DIRTY: "false"}


def test_changed_files_are_said(repository):
    (repository / "a.txt").write_text("b")
    assert source._git_tags(repository)[names.GIT_DIRTY] == "true"


def test_the_remote_is_stored_without_its_token(repository):
    git(repository, "remote", "add", "origin", "https://user:token@example.org/r.git")
    assert source._git_tags(repository)[names.GIT_REPOSITORY] == "https://***@example.org/r.git"


def test_outside_a_repository_or_without_git_there_is_only_the_version(tmp_path, monkeypatch):
    source._git_tags.cache_clear()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert source._git_tags(tmp_path) == {}
    assert source._git_tags(None) == {}
    source._git_tags.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert source._git_tags(tmp_path) == {}
    assert source.source_tags()[names.VERSION] == __version__


def test_the_description_says_what_it_is_and_how_to_do_it_again():
    text = source.describe("Fine-tunes a network.", "mlflow run . -e finetune")[names.DESCRIPTION]
    assert text == "Fine-tunes a network.\n\nTo do it again:\n\n```\nmlflow run . -e finetune\n```"
