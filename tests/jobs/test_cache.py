import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from beauty_mlflow.cache.keys import Key, Rows
from beauty_mlflow.cache.store import Cache as Store
from beauty_mlflow.errors import CacheError
from beauty_mlflow.jobs.cache import Cache, run

ROOT = Path(__file__).parents[2]
ROWS = Rows(1000, (50,), "float16")
PICTURES = Key("pictures", {"pictures": "0123456789abcdef" * 2, "size": 32})
MIXED3 = Key("activations", {"network": "inception_v3", "boundary": "mixed3", "view": 1})
POOLED = Key("activations", {"network": "inception_v3", "boundary": "pooled", "view": 0})


def produce(_, start):
    yield [np.full((600 - start, 50), 7, "float16")]
    yield [np.full((400, 50), 8, "float16")]


def interrupted(_, start):
    yield [np.full((600, 50), 7, "float16")]
    raise KeyboardInterrupt


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The user's cache: pictures and mixed3 whole, pooled partial."""
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path))
    store = Store()
    for key in (PICTURES, MIXED3):
        store.ensure({key: ROWS}, produce)[key].close()
    with pytest.raises(KeyboardInterrupt):
        store.ensure({POOLED: ROWS}, interrupted)
    return store


def call(**values):
    return run(Cache.parse(values))


def damage(store, key):
    path = store.folder / key.name / "array.npy"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)


def test_list_is_a_table_with_totals(store, capsys):
    """A line an entry: name, kind, size, last use, state and what it is in words; then the totals."""
    with store.find(MIXED3):
        summary = dict(call())
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["name", "kind", "size", "last", "use", "state", "what"]
    table = {name: cells for name, *cells in (re.split(" {2,}", line) for line in lines)}
    seen = time.strftime("%Y-%m-%d")
    assert all(cells.pop(2).startswith(seen) for cells in table.values())
    content = "network inception_v3, boundary"
    assert table == {
        POOLED.name: ["activations", "62.9 kB of 108 kB", "partial, not in use", f"{content} pooled, view 0"],
        PICTURES.name: ["pictures", "104 kB", "whole, not in use", "pictures 01234567…, size 32"],
        MIXED3.name: ["activations", "104 kB", "whole, in use", f"{content} mixed3, view 1"],
    }
    assert {line[heading.index("what") - 1] for line in lines} == {" "}
    assert summary["entries"].startswith("3 entries, ")
    assert summary["in use"] == "1 entry, 104 kB"
    assert summary["partial"] == "1 entry, 62.9 kB"
    assert summary["folder"] == store.folder


def test_list_takes_one_kind(store, capsys):
    """Entries of other kinds aren't listed or counted."""
    assert dict(call(kind="pictures"))["entries"] == "1 entry, 104 kB"
    assert "activations" not in capsys.readouterr().out


def test_an_empty_cache_has_no_table(tmp_path, monkeypatch, capsys):
    """Only the totals."""
    monkeypatch.setenv("BEAUTY_CACHE_DIR", str(tmp_path))
    assert dict(call())["entries"] == "0 entries"
    assert capsys.readouterr().out == ""


def test_an_entry_without_description_is_listed_as_damaged(store, capsys):
    """What it is can't be said, but that it is there can."""
    (store.folder / PICTURES.name / "entry.json").write_text("{}")
    call(kind="pictures")
    assert capsys.readouterr().out.splitlines()[1].endswith("its description is damaged")


def test_verify_reads_everything(store, capsys):
    """A sound cache: what was read and that nothing was damaged."""
    assert dict(call(action="verify")) == {"read": "2 entries, 209 kB", "damaged": 0}
    assert "Verifying" in capsys.readouterr().err


def test_verify_fails_where_something_was_damaged(store, capsys):
    """Each damaged entry is named; they are gone; the error's exit status is 1."""
    damage(store, MIXED3)
    with pytest.raises(CacheError, match="1 of 2 entries, 209 kB were damaged") as caught:
        call(action="verify")
    assert caught.value.exit_status == 1
    assert f"note: The cache's {MIXED3.name} (network inception_v3" in capsys.readouterr().err
    assert not store.has(MIXED3)
    assert dict(call(action="verify"))["damaged"] == 0


def test_prune_says_what_went_and_what_stayed_and_why(store):
    """Without gb all goes but what is in use; the reasons are said."""
    with store.find(MIXED3):
        summary = call(action="prune")
    assert [name for name, _ in summary] == [
        "removed",
        "removed",
        "stayed (in use)",
        "removed in all",
        "stayed in all",
        "free on the disk",
    ]
    assert dict(summary)["stayed (in use)"] == (
        f"{MIXED3.name} (network inception_v3, boundary mixed3, view 1), 104 kB"
    )
    assert dict(summary)["stayed in all"] == "1 entry, 104 kB"
    assert store.has(MIXED3)
    assert not store.has(PICTURES)


def test_prune_down_to_a_size(store):
    """The partial entry goes first, and what was used last stays."""
    store.find(PICTURES).close()
    summary = dict(call(action="prune", gb="0.00015"))
    assert PICTURES.name in summary["stayed (fits in the 150 kB to keep)"]
    assert summary["removed in all"].startswith("2 entries")


def test_the_command_takes_the_action_as_a_word(store, beauty):
    """`beauty cache verify` and `--action verify` are the same; status 1 where something was damaged."""
    for arguments in (["cache", "verify"], ["cache", "--action", "verify"], ["cache", "--kind", "pictures", "verify"]):
        assert beauty(*arguments).stdout.endswith("damaged: 0\n")
    damage(store, PICTURES)
    result = beauty("cache", "verify")
    assert (result.returncode, result.stdout) == (1, "")
    assert "error: 1 of 2 entries" in result.stderr
    assert "Traceback" not in result.stderr


def test_nothing_heavy_is_imported(store):
    """Neither TensorFlow nor MLflow, whatever is done."""
    script = """
import sys
from beauty_mlflow.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(end.code, sorted({"tensorflow", "keras", "mlflow"} & set(sys.modules)))
"""
    for action in ("list", "verify", "prune"):
        command = [sys.executable, "-c", script, "cache", action]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert result.stdout.splitlines()[-1] == "0 []", action
