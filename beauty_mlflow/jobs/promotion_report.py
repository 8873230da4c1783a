"""A promotion's report: made from what was decided, and logged on its run."""

import io
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from beauty_mlflow.data import images
from beauty_mlflow.data.safe_tables import write_table
from beauty_mlflow.errors import DataError
from beauty_mlflow.files import write_text
from beauty_mlflow.jobs.contests import Contest
from beauty_mlflow.promotion.answers import Answers, Pair, pair
from beauty_mlflow.promotion.deciding import Decision
from beauty_mlflow.promotion.gate import Gate
from beauty_mlflow.promotion.report import Example, Report, disagreements, markdown, page
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.runs import Run

EXAMPLES = 12  # pictures of each kind
SIDE = 160  # of such a picture, in pixels


@dataclass(frozen=True)
class Outcome:
    """What came of a contest.

    Args:
        contest: Who competed, on what.
        gate: By which conditions.
        candidate: Its answers.
        champion: The champion's; None where there is none yet.
        sources: Where the answers come from, in words.
        decision: What was decided.
    """

    contest: Contest
    gate: Gate
    candidate: Answers
    champion: Answers | None
    sources: str
    decision: Decision


def log_report(run: Run, name: str, outcome: Outcome) -> None:
    """Log report.html and report.md, the answers and the gate, under ``promotion/``."""
    report = _report(name, outcome)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_text(folder / "report.md", markdown(report))
        write_text(folder / "report.html", page(report))
        write_text(folder / "gate.json", outcome.gate.model_dump_json(indent=2) + "\n")
        columns = {
            "path": outcome.contest.rows["path"].tolist(),
            "true": outcome.candidate.true.tolist(),
            "candidate": outcome.candidate.predicted.tolist(),
        }
        if outcome.champion is not None:
            columns["champion"] = outcome.champion.predicted.tolist()
        write_table(folder / "answers.csv", list(columns), zip(*columns.values(), strict=True))
        run.log_folder(folder, names.PROMOTION_FOLDER)


def describe(run: Run, name: str, outcome: Outcome, *, dry_run: bool) -> str:
    """Say in a few sentences what was compared and what came out, with links to the runs and to the report."""
    found = "It passed the gate." if outcome.decision.passed else "It didn't pass the gate."
    dry = " A dry run: the registry stayed as it was." if dry_run else ""
    facts = "; ".join(f"{fact}: {value}" for fact, value in outcome.contest.facts(name, linked=True))
    verdict = run.link(outcome.decision.verdict, f"{names.PROMOTION_FOLDER}/report.html")
    return f"Compares a candidate with the champion of **{name}** ({facts}): {verdict}. {found}{dry}"


def _report(name: str, outcome: Outcome) -> Report:
    contest, decision = outcome.contest, outcome.decision
    facts = [*contest.facts(name), ("answers", outcome.sources), ("verdict", decision.verdict)]
    title = f"{name}: {decision.verdict}, {'passed' if decision.passed else 'refused'}"
    report = Report(title, facts, decision, notes=contest.notes)
    if outcome.champion is None:
        return report
    both, _ = pair(outcome.candidate, outcome.champion)
    shared = np.isin(outcome.candidate.true, both.candidate.true)
    examples = _examples(contest, contest.rows["path"].to_numpy()[shared].tolist(), both)
    return replace(report, disagreements=disagreements(both), examples=examples)


def _examples(contest: Contest, paths: list[str], both: Pair) -> list[Example]:
    gained, lost = (
        np.flatnonzero(one.right & ~other.right)[:EXAMPLES]
        for one, other in ((both.candidate, both.champion), (both.champion, both.candidate))
    )
    found = []
    for row in (*gained, *lost):
        path = paths[row]
        try:
            picture = images.load(contest.split.folder / path, SIDE, "pad")
        except DataError:  # the answers came from a table, and the picture is elsewhere by now
            continue
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, format="PNG")
        true, before, now = (
            str(answers[row]) for answers in (both.candidate.true, both.champion.predicted, both.candidate.predicted)
        )
        found.append(Example(path, true, before, now, stream.getvalue()))
    return found
