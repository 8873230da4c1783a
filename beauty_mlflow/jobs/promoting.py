"""From a candidate to a verdict, a report of its own run, and the registry's aliases."""

import io
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from beauty_mlflow.data import images
from beauty_mlflow.data.splits.grouping import read_groups
from beauty_mlflow.data.splits.manifest import Split
from beauty_mlflow.data.wording import name_some
from beauty_mlflow.errors import DataError, GateError, ParameterError, PictureError, RefusedError
from beauty_mlflow.evaluation.tables import write_table
from beauty_mlflow.files import write_text
from beauty_mlflow.jobs.contenders import PART, Contender, contender
from beauty_mlflow.jobs.opening import open_named, say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.projects import in_project_run
from beauty_mlflow.jobs.promote import Promote
from beauty_mlflow.promotion.answers import Answers, Pair, pair
from beauty_mlflow.promotion.checks import Candidate
from beauty_mlflow.promotion.deciding import Decision, decide
from beauty_mlflow.promotion.gate import DEFAULTS, Gate, read_gate
from beauty_mlflow.promotion.report import Example, Report, disagreements, markdown, page
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.finding import best_trained, experiments, find_runs
from beauty_mlflow.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, Version
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, connect
from beauty_mlflow.tracking.values import check_metrics

EXAMPLES = 12  # pictures of each kind in the report
SIDE = 160  # of such a picture, in pixels


@dataclass(frozen=True)
class Contest:
    """Who competes, on which pictures, by which conditions."""

    gate: Gate
    candidate: Contender
    champion: Contender | None
    version: Version | None
    split: Split
    rows: pd.DataFrame
    uses: int
    facts: list[tuple[str, str]]
    notes: list[str]


def promote(parameters: Promote) -> Summary:
    """Decide whether the candidate replaces the champion, report it, and move the aliases.

    Raises:
        InputError: The gate, the candidate or the data can't be used; nothing is changed then.
        RefusedError: The candidate isn't good enough; ``challenger`` points at it.
    """
    with in_project_run(parameters) as project:
        gate = read_gate(Path(parameters.gate) if parameters.gate else DEFAULTS)
        store = connect()
        say_notes(store.run_notes)
        registry = Registry(store, parameters.name)
        say_notes(filter(None, [registry.repair()]))
        contest = _contest(store, registry, gate, parameters)
        if contest is None:
            version = registry.require(CHAMPION)
            return [("verdict", "the candidate is the champion already"), ("champion", version.uri), *project.summary()]
        summary = _decide_and_act(store, registry, contest, parameters)
        return [*summary, *project.summary()]


def _contest(store: Store, registry: Registry, gate: Gate, parameters: Promote) -> Contest | None:
    version = registry.find(CHAMPION)
    candidate = contender(store, "candidate", _candidate_uri(store, parameters), allow_foreign=parameters.allow_foreign)
    champion = contender(store, "champion", version.uri, allow_foreign=True) if version else None
    if champion is not None and _same(candidate, champion):
        return None
    split = _data(candidate, parameters)
    rows, notes = _unseen(split, candidate, champion)
    facts = [
        ("registered model", parameters.name),
        ("candidate", _origin(candidate)),
        ("champion", f"{_origin(champion)} (version {version.number})" if champion and version else "none yet"),
        ("pictures", f"{len(rows)} of the test part of {split.folder.name} ({split.fingerprint[:12]})"),
    ]
    uses = sum(1 for _ in find_runs(store, experiments(store), {names.TEST_DIGEST: split.digest(PART)}))
    return Contest(gate, candidate, champion, version, split, rows, uses, facts, notes)


def _candidate_uri(store: Store, parameters: Promote) -> str:
    if parameters.candidate:
        if parameters.study or parameters.experiment:
            raise ParameterError("candidate names the model, so experiment and study say nothing; leave them out.")
        return parameters.candidate
    return best_trained(store, experiments(store, parameters.experiment), parameters.study).run_id


def _same(one: Contender, other: Contender) -> bool:
    return (one.model.model_id, one.model.location) == (other.model.model_id, other.model.location)


def _data(candidate: Contender, parameters: Promote) -> Split:
    if parameters.data:
        return open_named(parameters.data, check_pictures=False).split
    if candidate.own is None:
        raise DataError("Nobody knows what the candidate was trained on, so it has no test part; give `data`.")
    return candidate.own


def _unseen(split: Split, candidate: Contender, champion: Contender | None) -> tuple[pd.DataFrame, list[str]]:
    """Return the test part's rows less those that either model has seen, and what must be said about it."""
    rows, notes = split.rows(PART), []
    if rows.empty:
        raise DataError(f"{split.folder} has no pictures in the part {PART}, so nothing can decide.")
    left = np.ones(len(rows), bool)
    for one in filter(None, (candidate, champion)):
        if one.own is None:
            notes.append(f"WARNING: nobody knows what the {one.role} was trained on: overlap unknown.")
            continue
        seen = rows["sha256"].isin(one.seen).to_numpy()
        left &= ~seen
        if seen.any():
            notes.append(f"{seen.sum()} test pictures were left out: the {one.role} was trained or chosen on them.")
    if not left.any():
        raise DataError(
            f"No test picture is left: all {len(rows)} of {split.folder} were in the training or validation part of "
            "one of the models. Give `data` with pictures that are new to both."
        )
    return rows[left], notes


def _decide_and_act(store: Store, registry: Registry, contest: Contest, parameters: Promote) -> Summary:
    gate, split, rows = contest.gate, contest.split, contest.rows
    groups = {name: group for group, members in _groups(gate, split).items() for name in members}
    say_notes(contest.notes)
    candidate, source = contest.candidate.answers(split, rows)
    sources = [f"candidate's answers: {source}"]
    champion = None
    if contest.champion is not None:
        champion, source = contest.champion.answers(split, rows)
        sources.append(f"champion's answers: {source}")
    about = _about(contest)
    decision = decide(candidate, champion, gate, about, groups=groups, uses=contest.uses)
    say_notes(decision.notes)
    facts = [*contest.facts, ("answers", "; ".join(sources)), ("verdict", decision.verdict)]
    report = _report(contest, facts, decision, candidate, champion)
    run = Run.create(store, f"promote {parameters.name}", _tags(contest, decision, parameters))
    with tracked(run, sample=False):
        run.log_parameters(parameters.as_text())
        run.describe(_describe(contest, decision, parameters), parameters.command())
        run.log_metrics(_figures(decision))
        _log_report(run, report, contest, candidate, champion)
        version = None if parameters.dry_run else _act(registry, run, contest, decision)
    summary = _summary(decision, version, run)
    if parameters.dry_run:
        summary.append(("dry run", "the registry stayed as it was"))
    if not decision.passed:
        failed = "; ".join(f"{check.name}: {check.sentence}" for check in decision.checks if not check.passed)
        raise RefusedError(f"Not promoted ({decision.verdict}). {failed}", summary)
    return summary


def _act(registry: Registry, run: Run, contest: Contest, decision: Decision) -> Version:
    tags = {
        names.VERDICT: decision.verdict,
        names.FINGERPRINT: contest.split.fingerprint,
        names.PROMOTION_RUN: run.run_id,
        names.GIT_COMMIT: _commit(contest.candidate),
        **{name: f"{value:.6g}" for name, value in _figures(decision).items()},
    }
    words = f"{decision.verdict}: {decision.checks[0].sentence}. Run {contest.candidate.model.run_id or 'unknown'}; "
    version = registry.add(contest.candidate.model, tags, f"{words}report in run {run.run_id}.")
    run.set_tags({names.PROMOTION_VERSION: version.number})
    aliases = {CHALLENGER: version.number}
    if decision.passed:
        aliases = {CHAMPION: version.number}
        if contest.version is not None:
            aliases = {PREVIOUS: contest.version.number, **aliases}
    registry.move(aliases, champion=contest.version, run=run)
    return version


def _about(contest: Contest) -> Candidate:
    gate, candidate = contest.gate, contest.candidate
    sizes = {}
    if gate.largest_megabytes:
        sizes["megabytes"] = candidate.megabytes()
    if gate.slowest_milliseconds:
        sizes["milliseconds"] = candidate.milliseconds(contest.split, contest.rows)
    return Candidate(**sizes, has_manifest=candidate.own is not None)


def _groups(gate: Gate, split: Split) -> dict[str, list[str]]:
    if not gate.groups:
        return {}
    groups = dict(read_groups(gate.groups))
    unknown = sorted({name for members in groups.values() for name in members} - set(split.classes))
    if unknown:
        raise GateError(f"groups: {gate.groups} names classes that {split.folder} doesn't have: {name_some(unknown)}.")
    return groups


def _report(
    contest: Contest, facts: list[tuple[str, str]], decision: Decision, candidate: Answers, champion: Answers | None
) -> Report:
    title = f"{facts[0][1]}: {decision.verdict}, {'passed' if decision.passed else 'refused'}"
    report = Report(title, facts, decision, notes=contest.notes)
    if champion is None:
        return report
    both, _ = pair(candidate, champion)
    return replace(report, disagreements=disagreements(both), examples=_examples(contest, Pair(candidate, champion)))


def _examples(contest: Contest, both: Pair) -> list[Example]:
    gained, lost = (
        np.flatnonzero(one.right & ~other.right)[:EXAMPLES]
        for one, other in ((both.candidate, both.champion), (both.champion, both.candidate))
    )
    found = []
    for row in (*gained, *lost):
        path = contest.rows["path"].iloc[row]
        try:
            picture = images.load(contest.split.folder / path, SIDE, "pad")
        except PictureError:  # the answers came from a table, and the picture is elsewhere by now
            continue
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, format="PNG")
        names_of = (
            str(both.candidate.true[row]),
            str(both.champion.predicted[row]),
            str(both.candidate.predicted[row]),
        )
        found.append(Example(path, *names_of, stream.getvalue()))
    return found


def _log_report(run: Run, report: Report, contest: Contest, candidate: Answers, champion: Answers | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_text(place / "report.md", markdown(report))
        write_text(place / "report.html", page(report))
        write_text(place / "gate.json", contest.gate.model_dump_json(indent=2) + "\n")
        columns = [contest.rows["path"].tolist(), candidate.true.tolist(), candidate.predicted.tolist()]
        header = ["path", "true", "candidate"]
        if champion is not None:
            columns.append(champion.predicted.tolist())
            header.append("champion")
        write_table(place / "answers.csv", header, zip(*columns, strict=True))
        run.log_folder(place, names.PROMOTION_FOLDER)


def _tags(contest: Contest, decision: Decision, parameters: Promote) -> dict[str, str]:
    return {
        names.PROMOTION: parameters.name,
        names.PROMOTION_KIND: "promote",
        names.PROMOTION_VERDICT: decision.verdict,
        names.PROMOTION_PASSED: str(decision.passed).lower(),
        names.PROMOTION_DRY_RUN: str(parameters.dry_run).lower(),
        names.PROMOTION_CANDIDATE: contest.candidate.model.run_id or contest.candidate.uri,
        names.PROMOTION_CHAMPION: contest.version.number if contest.version else "",
        names.TEST_DIGEST: contest.split.digest(PART),
        names.FINGERPRINT: contest.split.fingerprint,
    }


def _figures(decision: Decision) -> dict[str, float]:
    known = {name: value for name, value in decision.figures.items() if np.isfinite(value)}
    return check_metrics({f"{names.PROMOTION_METRICS}{name}": value for name, value in known.items()})


def _describe(contest: Contest, decision: Decision, parameters: Promote) -> str:
    outcome = "It passed the gate." if decision.passed else "It didn't pass the gate."
    dry = " A dry run: the registry stayed as it was." if parameters.dry_run else ""
    facts = "; ".join(f"{name}: {value}" for name, value in contest.facts)
    return (
        f"Compares a candidate with the champion of **{parameters.name}** ({facts}): {decision.verdict}. {outcome}{dry}"
    )


def _summary(decision: Decision, version: Version | None, run: Run) -> Summary:
    figures = decision.figures
    lines: Summary = [("verdict", decision.verdict), ("passed", str(decision.passed).lower())]
    lines += [("pictures", f"{figures['pictures']:.0f}"), ("candidate's accuracy", f"{figures['accuracy']:.4f}")]
    if "champion_accuracy" in figures:
        lines += [("champion's accuracy", f"{figures['champion_accuracy']:.4f}")]
    if version is not None:
        lines += [(CHAMPION if decision.passed else CHALLENGER, version.uri)]
    return [*lines, ("report", f"{names.PROMOTION_FOLDER}/report.html of run {run.run_id}")]


def _origin(one: Contender) -> str:
    if one.training is None:
        return one.uri
    parameters = one.training.parameters()
    known = ", ".join(f"{name}={parameters[name]}" for name in ("network", "blocks") if name in parameters)
    return f"run {one.training.run_id} ({known})" if known else f"run {one.training.run_id}"


def _commit(one: Contender) -> str:
    return one.training.tags.get(names.GIT_COMMIT, "unknown") if one.training else "unknown"
