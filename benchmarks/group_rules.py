"""Which classes `beauty group` merges first, against other rules: accuracy with the groups, and by halves.

    python benchmarks/group_rules.py --model RUN_ID --classes 42 --json FILE

All rules merge the classes that one model confuses on its validation pictures, until as many are left. By halves is the
accuracy on pictures that didn't choose the groups, random groups is what merging at random to the same sizes gives. No
test picture is read.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import facts, table, write_json

from beauty_mlflow.evaluation.grouping.agglomeration import Apart, agglomerate
from beauty_mlflow.evaluation.grouping.finding import Grouping, Rule, find_groups
from beauty_mlflow.evaluation.grouping.merges import Counts, Members, Merge
from beauty_mlflow.jobs.group import Group
from beauty_mlflow.jobs.grouping import served_answers, subject_of, units_in

Score = Callable[[Counts, Members, Members], float]
"""How much two groups of classes belong together, by the counts of a confusion matrix."""

OURS = "the shortest description after it"


def shares(counts: Counts, left: Members, right: Members) -> float:
    """Return the share of both groups' pictures that were taken for the other."""
    return confused(counts, left, right) / max(int(counts[[*left, *right]].sum()), 1)


def mean_shares(counts: Counts, left: Members, right: Members) -> float:
    """Return the mean share over the groups' pairs of classes (average linkage)."""
    return float(np.mean([shares(counts, (one,), (other,)) for one in left for other in right]))


def confused_a_pair(counts: Counts, left: Members, right: Members) -> float:
    """Return the confused pictures for each of the groups' pairs of classes."""
    return confused(counts, left, right) / (len(left) * len(right))


def confused(counts: Counts, left: Members, right: Members) -> float:
    """Return how many pictures of the one were taken for the other."""
    return float(counts[np.ix_(left, right)].sum() + counts[np.ix_(right, left)].sum())


RULES: dict[str, Score] = {
    "the largest share of their pictures confused": shares,
    "the largest mean share over their pairs of classes (average linkage)": mean_shares,
    "the most confused pictures a pair of classes": confused_a_pair,
    "the most confused pictures": confused,
}


def main() -> None:
    """Group by each rule, print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a run id, a runs:/ or a models:/ URI")
    parser.add_argument("--classes", type=int, default=42)
    parser.add_argument("--json", type=Path, help="where to write the result")
    given = parser.parse_args()
    parameters = Group.parse({"groups": "auto", "model": given.model, "classes": str(given.classes), "out": "none.csv"})
    subject = subject_of(parameters)
    predictions, units = served_answers(given.model, subject), units_in(subject.own)
    apart = np.zeros([len(predictions.classes)] * 2, np.bool_)
    rules: dict[str, Rule] = {OURS: agglomerate, **{name: _greedy(score) for name, score in RULES.items()}}
    rows = {
        name: _row(find_groups(predictions, apart, given.classes, units, rule), len(predictions))
        for name, rule in rules.items()
    }
    header = [
        "merged first: the two groups with",
        "accuracy",
        "by halves",
        "random groups of those sizes",
        "largest group",
    ]
    print(table(header, [[name, *row.values()] for name, row in rows.items()]))
    if given.json:
        settings = {name: str(value) for name, value in vars(given).items()}
        write_json(given.json, {"machine": facts(), "settings": settings, "rows": rows})


def _row(found: Grouping, pictures: int) -> dict[str, Any]:
    return {
        "accuracy": f"{found.hits[found.taken] / pictures:.4f}",
        "by_halves": "" if found.halves is None else f"{found.halves / pictures:.4f}",
        "at_random": f"{found.random_hits.mean() / pictures:.4f}",
        "largest": max(len(labels) for labels in found.members),
    }


def _greedy(score: Score) -> Rule:
    """Return what merges the two groups with the highest score, again and again; of equal pairs the first."""

    def merge(counts: Counts, apart: Apart, classes: int) -> list[Merge]:
        del apart, classes
        groups: list[Members] = [(label,) for label in range(len(counts))]
        merges = []
        while len(groups) > 1:
            pairs = [(left, right) for place, left in enumerate(groups) for right in groups[place + 1 :]]
            left, right = max(pairs, key=lambda pair: score(counts, *pair))
            there, back = (int(counts[np.ix_(*pair)].sum()) for pair in ((left, right), (right, left)))
            merges.append(Merge(left, right, there, back, int(counts[[*left]].sum()), int(counts[[*right]].sum())))
            groups = sorted([*(one for one in groups if one not in (left, right)), tuple(sorted((*left, *right)))])
        return merges

    return merge


if __name__ == "__main__":
    main()
