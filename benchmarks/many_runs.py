"""How long search, compare and promote take with 10,000 runs in the store, and whether their memory stays flat.

    python benchmarks/many_runs.py --json many_runs.json
    python benchmarks/many_runs.py --quick

Stores are an SQLite file, a local `mlflow server` on SQLite and, where PostgreSQL is installed, one on PostgreSQL; each
is filled with copies of a few runs (see many_runs_store.py). Each question is asked `--turns` times after one that
isn't counted, in one process: a row has the best and the worst time, the least processor time of this process (which
tells more where the machine has other work), and what its memory grew by from the first counted turn to the last. The
start of a process isn't in it, nor evaluating, as the promoted models' answers are
in the store. A promotion is asked for as a dry run: a real one on a server waits another 3 seconds, whatever the
store holds, to be sure that nobody else is promoting.

An answer may take 2 seconds at best and leave the process at most 20 MB larger after the last turn than after the
first; ends with status 1 where one isn't within. Two limits are wider, as docs/production.md says: comparing more than
20 runs may take as long as reading them does, and the first comparison of a process may leave 60 MB. `compare, all`
reads every training that there is; its time grows with them, and most of it is MLflow's: `reading all runs` is what its
client takes to hand the same runs over.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from machine import facts, table, write_json
from many_runs_store import STUDY, TRIALS, Filled, fill, quiet
from postgresql_server import installed, postgresql_server, sqlalchemy_url
from tracking_server import make_tables, tracking_server

from beauty_mlflow.errors import RefusedError
from beauty_mlflow.jobs.compare import Compare
from beauty_mlflow.jobs.comparing import compare
from beauty_mlflow.jobs.promote import Promote
from beauty_mlflow.jobs.promoting import promote
from beauty_mlflow.jobs.promotions import Promotions
from beauty_mlflow.jobs.promotions import run as promotions
from beauty_mlflow.tracking.finding import best_trained, child_runs, experiments, find_runs
from beauty_mlflow.tracking.runs import Run
from beauty_mlflow.tracking.store import connect

RUNS, QUICK_RUNS = 10_000, 400
STORES = ("sqlite", "server", "postgresql")
LIMIT_SECONDS = 2.0
LIMIT_MB = 20.0  # a process's memory may grow by from the first counted turn to the last
WHOLE = ("compare, all", "reading all runs")  # asked once, and no limit is set for them
FEW, SWEEP, LATEST = "compare, 20 runs", f"compare, a sweep's {TRIALS} trials", "compare, the latest 500"
LIMITS_SECONDS = {SWEEP: 8.0, LATEST: 10.0}  # the others' is LIMIT_SECONDS
LIMITS_MB = {FEW: 60.0}  # the others' is LIMIT_MB
MEGABYTE = 1e6


@dataclass(frozen=True)
class Place:
    """A store that is to be filled: as MLFLOW_TRACKING_URI names it, and its database as SQLAlchemy does."""

    uri: str
    database: str


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[Place]:
    """Yield an empty store of a kind."""
    if kind == "postgresql":
        with postgresql_server() as plain:
            url = sqlalchemy_url(plain)
            with tracking_server(folder, url) as uri:
                yield Place(uri, url)
        return
    path = folder / "mlflow.db"
    template = make_tables(folder / "template.db")
    if kind == "server":
        with tracking_server(folder, template) as uri:
            yield Place(uri, f"sqlite:///{path}")
        return
    shutil.copy(template, path)
    yield Place(f"sqlite:///{path}", f"sqlite:///{path}")


def questions(filled: Filled) -> dict[str, Callable[[], object]]:
    """Return what is asked of a store, by its name in the table."""
    store = connect()
    everywhere = experiments(store)
    sweep = Run(store, filled.sweep)
    dry = Promote.parse({"dry_run": "true"})
    of_sweep = Promote.parse({"dry_run": "true", "study": STUDY})
    return {
        "the best training": lambda: best_trained(store, everywhere),
        f"a sweep's {TRIALS} trials": lambda: child_runs(store, sweep),
        "the runs that haven't ended": lambda: list(find_runs(store, everywhere, {}, "attributes.status = 'RUNNING'")),
        "promotions": lambda: promotions(Promotions()),
        "promote": lambda: _promote(dry),
        "promote, of a sweep": lambda: _promote(of_sweep),
        FEW: lambda: compare(Compare(runs=",".join(filled.some))),
        SWEEP: lambda: compare(Compare(runs=filled.sweep)),
        LATEST: lambda: compare(Compare()),
        "compare, all": lambda: compare(Compare(latest=0)),
        "reading all runs": lambda: sum(1 for _ in find_runs(store, everywhere, {})),
    }


def ask(question: Callable[[], object], turns: int) -> dict[str, Any]:
    """Return how long answers take, and what the memory grew by."""
    seconds, processor, memory = [], [], []
    for turn in range(turns + 1):
        begun, used = time.perf_counter(), time.process_time()
        with quiet():
            question()
        if turn:  # the first one imports, and opens connections
            seconds.append(time.perf_counter() - begun)
            processor.append(time.process_time() - used)
            memory.append(psutil.Process().memory_info().rss / MEGABYTE)
    return {
        "best": min(seconds),
        "worst": max(seconds),
        "processor": min(processor),
        "grew_by_MB": memory[-1] - memory[0],
    }


def _promote(parameters: Promote) -> None:
    with suppress(RefusedError):
        promote(parameters)


def main() -> None:
    """Fill each store, ask, print a table a store and write JSON; status 1 where an answer isn't within its limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=0, help=f"in a store; {RUNS}, or {QUICK_RUNS} with --quick")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=[])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few runs in an SQLite store: shows that it runs, no more")
    parser.add_argument(
        "--no-limits", action="store_true", help="status 0 whatever is measured: other work runs beside"
    )
    parser.add_argument("--json", type=Path, help="where to write the result")
    given = parser.parse_args()
    count = given.runs or (QUICK_RUNS if given.quick else RUNS)
    stores = given.stores or (["sqlite"] if given.quick else installed(STORES))
    report: dict[str, Any] = {"machine": facts(), "runs": count, "stores": {}}
    wrong = []
    for kind in stores:
        with tempfile.TemporaryDirectory() as folder, opened(kind, Path(folder)) as place:
            begun = time.perf_counter()
            filled = fill(place.uri, place.database, count)
            print(f"{kind}: {count} runs made in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
            answers = report["stores"][kind] = {}
            for name, question in questions(filled).items():
                answers[name] = ask(question, 1 if name in WHOLE else given.turns)
                print(f"{kind}: {name}: {answers[name]}", file=sys.stderr, flush=True)
        print(f"\n{kind}, {count} runs, {filled.trainings} of them trainings\n\n{_table(answers)}", flush=True)
        if given.json:
            write_json(given.json, report)
        wrong += [f"{kind}: {problem}" for name, found in answers.items() for problem in beyond(name, found)]
    if wrong and not given.no_limits:
        sys.exit("\n".join(["error: not within the limits:", *wrong]))


def beyond(name: str, found: Mapping[str, float]) -> list[str]:
    """Return by what an answer isn't within its limits, a sentence each."""
    if name in WHOLE:
        return []
    seconds, megabytes = LIMITS_SECONDS.get(name, LIMIT_SECONDS), LIMITS_MB.get(name, LIMIT_MB)
    wrong = []
    if found["best"] > seconds:
        wrong.append(f"{name}: took {found['best']:.2f} s at best; expected at most {seconds:g}")
    if found["grew_by_MB"] > megabytes:
        wrong.append(f"{name}: memory grew by {found['grew_by_MB']:.0f} MB; expected at most {megabytes:g}")
    return wrong


def _table(answers: Mapping[str, Mapping[str, float]]) -> str:
    header = ["asked", "best s", "worst s", "processor s", "memory grew by, MB", "within"]
    rows = [[name, *found.values(), _within(name, found)] for name, found in answers.items()]
    return table(header, rows)


def _within(name: str, found: Mapping[str, float]) -> str:
    return "" if name in WHOLE else "NO" if beyond(name, found) else "yes"


if __name__ == "__main__":
    main()
