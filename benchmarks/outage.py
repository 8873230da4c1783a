"""What a tracking server that hangs, or is gone, costs a training, beside one that answers and beside none.

    python benchmarks/outage.py --json FILE

An epoch's work is a fixed number of matrix products. The sides take turns in one process: nothing is logged; each
epoch's figures and image are logged to a server that answers; to one that is stopped (it takes connections and never
answers); to one that was killed. What the last two couldn't send is in the spool then, and is thrown away. Beside the
whole epoch, the time is measured that the training's own thread spends in logging, which varies less. The script fails
where an outage takes more of it than 2 % of an epoch of one second, which is a short one; fewer than 30 epochs in all
say too little for that.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import BenchmarkError, facts, spread, table, write_json
from tracking_server import make_tables, process_of, tracking_server

ANSWERS, HANGS, GONE = "answers", "hangs", "is gone"
NOTHING = "nothing is logged"
SIDE = 700  # of a matrix
EPOCH_MS, LIMIT, ENOUGH_EPOCHS = 1000.0, 0.02, 30


@dataclass(frozen=True)
class Cost:
    """Seconds of an epoch, and those of them in logging."""

    epoch: float
    logging: float


def main() -> None:
    """Measure the sides in turn and print a table."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = Path(temporary)
        os.environ["BEAUTY_STATE_DIR"] = str(folder / "state")
        database = make_tables(folder / "tables.db")
        sides: dict[str, list[Cost]] = {name: [] for name in (NOTHING, ANSWERS, HANGS, GONE)}
        try:
            for turn in range(given.turns):
                _measure(folder / str(turn), database, given.epochs, sides)
        except BenchmarkError as error:
            sys.exit(f"error: {error}")
    whole = {name: spread([1000 * cost.epoch for cost in found]) for name, found in sides.items()}
    logging = {name: spread([1000 * cost.logging for cost in found]) for name, found in sides.items()}
    rows = [
        [name, *(whole[name][key] for key in ("median", "min", "max")), logging[name]["median"], logging[name]["max"]]
        for name in sides
    ]
    print(table(["the server", "ms an epoch", "least", "most", "ms of it in logging", "most"], rows))
    if given.json:
        result = {name: {"epoch_ms": whole[name], "logging_ms": logging[name]} for name in sides}
        write_json(given.json, {"machine": facts(), "epochs": given.epochs, "sides": result})
    for side in (HANGS, GONE) if given.epochs * given.turns >= ENOUGH_EPOCHS else ():
        if logging[side]["median"] > LIMIT * EPOCH_MS:
            sys.exit(
                f"error: where the server {side}, logging takes {logging[side]['median']:.1f} ms an epoch; expected at "
                f"most {LIMIT * EPOCH_MS:g}"
            )


def _measure(folder: Path, database: Path, epochs: int, sides: dict[str, list[Cost]]) -> None:
    from beauty_mlflow.jobs.syncing import discard
    from beauty_mlflow.tracking.spool.recorded import begin
    from beauty_mlflow.tracking.store import connect

    with tracking_server(folder, database) as uri:
        os.environ["MLFLOW_TRACKING_URI"] = uri
        group = process_of(uri)
        sides[NOTHING].append(_cost(epochs, lambda _: None))
        for side in (ANSWERS, HANGS, GONE):
            run = begin(connect(), side)
            time.sleep(1)  # its beginning is sent
            if side == HANGS:
                os.killpg(group, signal.SIGSTOP)
            if side == GONE:
                os.killpg(group, signal.SIGKILL)
            sides[side].append(_cost(epochs, lambda epoch, run=run: _log(run, epoch)))  # type: ignore[misc]
            if side == HANGS:
                os.killpg(group, signal.SIGCONT)
            run.finish("FINISHED")
        discard(run.run_id)


def _log(run: Any, epoch: int) -> None:  # noqa: ANN401 - a run
    from beauty_mlflow.tracking import names

    run.log_image(np.zeros((73, 73, 3), np.uint8), names.EPOCH_CONFUSIONS, epoch)
    run.log_epoch(epoch, dict.fromkeys(names.EPOCH_METRICS, float(epoch)))


def _cost(epochs: int, log: Callable[[int], None]) -> Cost:
    matrix = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    logging, begun = 0.0, time.perf_counter()
    for epoch in range(1, epochs + 1):
        for _ in range(100):
            matrix @ matrix
        before = time.perf_counter()
        log(epoch)
        logging += time.perf_counter() - before
    return Cost((time.perf_counter() - begun) / epochs, logging / epochs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the result")
    return parser


if __name__ == "__main__":
    main()
