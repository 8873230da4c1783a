"""Every benchmark in turn, each into a JSON file of its own.

    python benchmarks/run_all.py --out build/bench            # make bench: hours
    python benchmarks/run_all.py --out build/bench --quick    # make bench-quick: minutes; shows that they run, no more

The full run makes its pictures with data.py (npm and Debian's packages); the quick one draws the package's sample.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Benchmark:
    """One script, with its arguments in the full and in the quick run; ``{data}`` and ``{split}`` are places."""

    name: str
    script: str
    full: str
    quick: str


BENCHMARKS = (
    Benchmark(
        "depth_sweep_shallow",
        "depth_sweep.py",
        "--data {emoji} --network inception_v3 --depths 0,1,2,3 --epochs 10 --defaults",
        "--data {sample} --network tiny --depths 0,1 --epochs 2 --turns 1 --defaults",
    ),
    Benchmark(
        "depth_sweep_deep",
        "depth_sweep.py",
        "--data {emoji} --network inception_v3 --depths 0,1,2,3,4,5,6,7,8,9 --epochs 10",
        "",
    ),
    Benchmark(
        "ablation",
        "ablation.py",
        "--data {emoji} --network inception_v3",
        "--data {sample} --network tiny --epochs 2 --turns 1 --rows all none",
    ),
    Benchmark("accuracy_emoji", "accuracy.py", "--data {emoji} --group-by '([^/]+)-(?:apple|google)'", ""),
    Benchmark(
        "accuracy_clipart",
        "accuracy.py",
        "--data {clipart}",
        "--data {sample} --epochs 1 --seeds 0 --without plain_light",
    ),
    Benchmark(
        "recipe_parts_clipart",
        "recipe_parts.py",
        "--data {clipart} --seeds 0,1,2",
        "--data {sample} --network tiny --blocks 1 --rows 'one view' --epochs 2 --seeds 0",
    ),
    Benchmark(
        "recipe_parts_emoji",
        "recipe_parts.py",
        "--data {emoji} --seeds 0,1,2 --group-by '([^/]+)-(?:apple|google)'",
        "",
    ),
    Benchmark(
        "time_to_accuracy",
        "time_to_accuracy.py",
        "--data {emoji} --group-by '([^/]+)-(?:apple|google)'",
        "--data {sample} --network tiny --depths 0,1 --epochs 1 --seeds 0",
    ),
    Benchmark(
        "limits",
        "limits.py",
        "--data {emoji}",
        "--data {sample} --network tiny --blocks 1 --pictures 32 --evaluated 8 --turns 1",
    ),
    Benchmark(
        "limits_mobilenet",
        "limits.py",
        "--data {emoji} --network mobilenet_v2 --image-size 96 --steps evaluation",
        "",
    ),
    Benchmark(
        "serving",
        "serving.py",
        "--data {emoji}",
        "--data {sample} --network tiny --image-size 64 --pictures 32 --singles 4 --turns 1",
    ),
    Benchmark("warping", "warping.py", "", "--size 96 --pictures 8 --turns 1"),
    Benchmark("growth", "growth.py", "", "--counts 200 400 --turns 1"),
    Benchmark("overhead", "overhead.py", "", "--turns 3 --no-limits"),
    Benchmark("many_runs", "many_runs.py", "", "--quick --no-limits"),
    Benchmark("outage", "outage.py", "", "--epochs 3 --turns 1"),
    Benchmark("search_efficiency", "search_efficiency.py", "--tasks 200", "--tasks 1 --sides defaults"),
    Benchmark("scaling", "scaling.py", "", "--pairs sqlite+none sqlite+sqlite --workers 1 2 --seconds 1"),
)


def main() -> None:
    """Make the pictures, then run each script; stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", default=[], choices=[one.name for one in BENCHMARKS])
    given = parser.parse_args()
    out = given.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    places = {name: str(out / name) for name in ("emoji", "clipart", "sample")}
    chosen = [
        one for one in BENCHMARKS if (not given.only or one.name in given.only) and (one.quick or not given.quick)
    ]
    for name, path in places.items():
        wanted = any(f"{{{name}}}" in (one.quick if given.quick else one.full) for one in chosen)
        if wanted and not Path(path).is_dir():
            _make(name, path)
    commands = [_command(one, places, out, quick=given.quick) for one in chosen]
    if given.quick:  # they measure nothing: together they are done sooner
        _run_together(commands)
    else:
        for words in commands:
            print(f"\n{_title(words)}", flush=True)
            _run(words)


def _command(one: Benchmark, places: Mapping[str, str], out: Path, *, quick: bool) -> list[str]:
    words = [_placed(word, places) for word in shlex.split(one.quick if quick else one.full)]
    return [str(HERE / one.script), *words, "--json", str(out / f"{one.name}.json")]


def _placed(word: str, places: Mapping[str, str]) -> str:
    return places.get(word.strip("{}"), word) if word.startswith("{") else word


def _make(name: str, path: str) -> None:
    if name == "sample":
        _run(["-m", "beauty_mlflow", "sample", "--out", path, "--classes", "3", "--images", "20"])
    else:
        _run([str(HERE / "data.py"), "--out", path, "--set", name])


def _run(words: list[str]) -> None:
    _require(words, subprocess.run([sys.executable, *words], check=False).returncode)


def _run_together(commands: Sequence[list[str]]) -> None:
    """Run as many at a time as there are cores, and print what each has said once it has ended."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for words, done in zip(commands, pool.map(_captured, commands), strict=True):
                print(f"\n{_title(words)}\n{done.stdout}", end="", flush=True)
                _require(words, done.returncode)
        except SystemExit:
            pool.shutdown(cancel_futures=True)
            raise


def _captured(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _title(words: list[str]) -> str:
    return " ".join([Path(words[0]).name, *words[1:]])


def _require(words: list[str], status: int) -> None:
    if status:
        sys.exit(f"error: python {' '.join(words)} ended with status {status}; see the lines above")


if __name__ == "__main__":
    main()
