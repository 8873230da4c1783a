"""From wrong labels to right ones: a model finds them, a table proposes, split applies."""

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from beauty_mlflow.data import images
from beauty_mlflow.data.splits.corrections import DROP, read_corrections
from beauty_mlflow.data.splits.grouping import group_split, recorded_groups
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.evaluation.evaluated import Evaluated
from beauty_mlflow.evaluation.evaluators.suspects import CORRECTIONS, evaluate
from beauty_mlflow.evaluation.predictions import PredictionTable
from beauty_mlflow.jobs.artifacts import log_evaluation
from beauty_mlflow.jobs.split import Split, run
from beauty_mlflow.tracking.models import download
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

TINTS = {"red": (200, 60, 60), "green": (60, 170, 60), "blue": (60, 60, 200), "grey": (120, 120, 120)}
EACH = 60


@pytest.fixture(scope="module")
def swapped(tmp_path_factory):
    """A folder of mottled pictures in four classes by their tint, 5 % of them in a wrong one; and the right classes."""
    folder = tmp_path_factory.mktemp("swapped")
    random = np.random.default_rng(3)
    names = list(TINTS)
    wrong = set(random.permutation(len(names) * EACH)[:12].tolist())
    right = {}
    for i in range(len(names) * EACH):
        name = names[i % len(names)]
        shown = names[(i + random.integers(1, len(names))) % len(names)] if i in wrong else name
        blocks = np.clip(np.array(TINTS[name]) + random.normal(0, 60, (6, 6, 3)), 0, 255).astype(np.uint8)
        path = f"{shown}/{i:03d}.png"
        (folder / shown).mkdir(exist_ok=True)
        Image.fromarray(blocks).resize((36, 36), Image.Resampling.NEAREST).save(folder / path)
        right[path] = name
    return folder, right


def predictions_of(split):
    """A tiny classifier's word on every picture, each time from the others: on mean colours, cross-validated."""
    table = split.table
    colours = [images.load(split.folder / path, 12, "squash").mean(axis=(0, 1)) / 255 for path in table["path"]]
    labels = np.array([split.classes.index(name) for name in table["class"]], np.int32)
    rows = cross_val_predict(LogisticRegression(C=100), np.array(colours), labels, cv=5, method="predict_proba")
    return PredictionTable(tuple(table["path"]), labels, rows.astype(np.float32), split.classes)


def split_of(folder, out, corrections=""):
    summary = dict(run(Split(data=str(folder), out=str(out), corrections=str(corrections))))
    return read_split(out), summary


def test_swapped_labels_are_found_and_put_right(swapped, tmp_path):
    folder, right = swapped
    before, _ = split_of(folder, tmp_path / "before.csv")
    evaluate(Evaluated(predictions_of(before), folder), tmp_path)
    proposed = read_corrections(tmp_path / CORRECTIONS)
    wrong = {path for path, name in right.items() if not path.startswith(name)}
    found = wrong & set(proposed)
    assert len(found) >= 0.75 * len(wrong)
    assert len(proposed) <= 1.5 * len(wrong)
    assert sum(proposed[path] == right[path] for path in found) >= 0.9 * len(found)

    # a person looks at each and leaves those that are so
    kept = {path: name for path, name in proposed.items() if name == right[path]}
    one = min(kept)
    lines = ["path,class", *(f"{path},{name if path != one else DROP}" for path, name in kept.items())]
    (tmp_path / "edited.csv").write_text("\n".join(lines), encoding="utf-8")
    after, summary = split_of(folder, tmp_path / "after.csv", tmp_path / "edited.csv")
    assert str(summary["corrections"]) == f"{len(kept) - 1} relabelled, 1 dropped"
    still = {path for path, name in zip(after.table["path"], after.table["class"], strict=True) if name != right[path]}
    assert still == wrong - set(kept)
    assert len(still) <= 0.25 * len(wrong)
    assert one not in set(after.table["path"])


def test_what_a_model_of_groups_proposes_is_applied_to_the_classes(swapped, local_store, tmp_path, capsys):
    """No group among the proposals, which would be refused with all the others; how many have none is said."""
    folder, _ = swapped
    before, _ = split_of(folder, tmp_path / "before.csv")
    grouped, _ = group_split(before, {"dull": ["red", "grey"]})
    evaluation = Run.create(connect(), "evaluate")
    log_evaluation(evaluation, Evaluated(predictions_of(grouped), folder, made_of=recorded_groups(grouped)), "test")
    assert "that are likely mislabelled were taken for groups of several classes" in capsys.readouterr().err
    table = download(evaluation, f"evaluation/test/{CORRECTIONS}", tmp_path)
    proposed = read_corrections(table)
    assert set(proposed.values()) == {"green", "blue"}
    _, summary = split_of(folder, tmp_path / "after.csv", table)
    assert str(summary["corrections"]) == f"{len(proposed)} relabelled, 0 dropped"
