"""From a candidate to a verdict, a report of its own run, and the registry's aliases."""

from pathlib import Path

import numpy as np

from beauty_mlflow.data.splits.grouping import groups_of_classes
from beauty_mlflow.errors import RefusedError
from beauty_mlflow.jobs.contenders import PART, Contender
from beauty_mlflow.jobs.contests import Contest, open_contest
from beauty_mlflow.jobs.opening import say_notes
from beauty_mlflow.jobs.parameters import Summary
from beauty_mlflow.jobs.projects import in_project_run
from beauty_mlflow.jobs.promote import Promote
from beauty_mlflow.jobs.promotion_report import Outcome, describe, log_report
from beauty_mlflow.promotion.checks import Candidate
from beauty_mlflow.promotion.deciding import Decision, decide
from beauty_mlflow.promotion.gate import DEFAULTS, Gate, read_gate
from beauty_mlflow.tracking import names
from beauty_mlflow.tracking.ending import tracked
from beauty_mlflow.tracking.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, Version
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import Store, connect
from beauty_mlflow.tracking.values import check_metrics


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
        say_notes(filter(None, [registry.pending() if parameters.dry_run else registry.repair()]))
        contest = open_contest(store, registry, parameters)
        if contest is None:
            version = registry.require(CHAMPION)
            return [("verdict", "the candidate is the champion already"), ("champion", version.uri), *project.summary()]
        say_notes(contest.notes)
        outcome = _outcome(contest, gate)
        say_notes(outcome.decision.notes)
        summary = _act(store, registry, outcome, parameters)
        if not outcome.decision.passed:
            raise RefusedError(_refusal(outcome.decision), summary)
        return [*summary, *project.summary()]


def _outcome(contest: Contest, gate: Gate) -> Outcome:
    split, rows = contest.split, contest.rows
    groups, notes = groups_of_classes(split, gate.groups) if gate.groups else ({}, [])
    say_notes(notes)
    candidate, source = contest.candidate.answers(split, rows)
    champion, sources = None, f"candidate's answers: {source}"
    if contest.champion is not None:
        champion, source = contest.champion.answers(split, rows)
        sources += f"; champion's answers: {source}"
    decision = decide(candidate, champion, gate, _about(contest, gate), groups=groups, uses=contest.uses)
    return Outcome(contest, gate, candidate, champion, sources, decision)


def _act(store: Store, registry: Registry, outcome: Outcome, parameters: Promote) -> Summary:
    name, dry_run = parameters.name, parameters.dry_run
    run = Run.create(store, f"promote {name}", _tags(outcome.contest, outcome.decision, parameters))
    with tracked(run, sample=False):
        run.log_parameters(parameters.as_text())
        run.describe(describe(run, name, outcome, dry_run=dry_run), parameters.command())
        run.log_metrics(_figures(outcome.decision))
        log_report(run, name, outcome)
        version = None if dry_run else _move(registry, run, outcome.contest, outcome.decision)
    return _summary(outcome, version, run)


def _move(registry: Registry, run: Run, contest: Contest, decision: Decision) -> Version:
    tags = {
        names.VERDICT: decision.verdict,
        names.FINGERPRINT: contest.split.fingerprint,
        names.PROMOTION_RUN: run.run_id,
        names.GIT_COMMIT: _commit(contest.candidate),
        **{name: f"{value:.6g}" for name, value in _figures(decision).items()},
    }
    words = f"{decision.verdict}: {decision.checks[0].sentence}. Run {contest.candidate.model.run_id or 'unknown'}; "
    version = registry.add(contest.candidate.model)
    run.set_tags({names.PROMOTION_VERSION: version.number})
    if decision.passed or not registry.is_or_was_champion(version):  # who is refused keeps what it was promoted for
        registry.annotate(version, tags, f"{words}report in run {run.run_id}.")
    aliases = {CHALLENGER: version.number}
    if decision.passed:
        aliases = {CHAMPION: version.number}
        if contest.version is not None:
            aliases = {PREVIOUS: contest.version.number, **aliases}
    registry.move(aliases, champion=contest.version, run=run)
    return version


def _about(contest: Contest, gate: Gate) -> Candidate:
    candidate = contest.candidate
    sizes = {}
    if gate.largest_megabytes:
        sizes["megabytes"] = candidate.megabytes()
    if gate.slowest_milliseconds:
        sizes["milliseconds"] = candidate.milliseconds(contest.split, contest.rows)
    return Candidate(**sizes, has_manifest=candidate.own is not None)


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


def _summary(outcome: Outcome, version: Version | None, run: Run) -> Summary:
    decision, figures = outcome.decision, outcome.decision.figures
    lines: Summary = [("verdict", decision.verdict), ("passed", str(decision.passed).lower())]
    lines += [("pictures", f"{figures['pictures']:.0f}"), ("left out", outcome.contest.left_out)]
    lines += [("candidate's accuracy", f"{figures['accuracy']:.4f}")]
    if "champion_accuracy" in figures:
        lines += [("champion's accuracy", f"{figures['champion_accuracy']:.4f}")]
    if version is None:
        lines += [("dry run", "the registry stayed as it was")]
    else:
        lines += [(CHAMPION if decision.passed else CHALLENGER, version.uri)]
    return [*lines, ("report", f"{names.PROMOTION_FOLDER}/report.html of run {run.run_id}")]


def _refusal(decision: Decision) -> str:
    failed = "; ".join(f"{check.name}: {check.sentence}" for check in decision.checks if not check.passed)
    return f"Not promoted ({decision.verdict}). {failed}"


def _commit(one: Contender) -> str:
    return one.training.tags.get(names.GIT_COMMIT, "unknown") if one.training else "unknown"
