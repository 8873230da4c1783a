"""Build, check and repair the two environments: .venv, and the one that plain `mlflow run .` looks for.

MLflow uses the folder $MLFLOW_ENV_ROOT/mlflow-<hash of python_env.yaml> as it is when it exists, and needs pyenv
only to make it. So it is made here, with uv. usage: .venv/bin/python tools/environments.py cpu|gpu
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")
MISSING_FILES = """
import importlib.metadata, pathlib, sys
missing = [
    f"{distribution.name}: {file}"
    for distribution in importlib.metadata.distributions()
    for file in distribution.files or ()
    if file.suffix != ".pyc" and not pathlib.Path(distribution.locate_file(file)).exists()
]
sys.exit("\\n".join(missing[:5]) or 0)
"""


def main() -> None:
    """Bring both environments in step with the lock files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=["cpu", "gpu"])
    variant = parser.parse_args().variant
    synchronize(Path(sys.executable), f"requirements/dev-{variant}.txt")
    run(UV, "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--editable", ROOT)
    Path(sys.executable).parent.with_name("variant").write_text(variant)
    sys.path.append(str(ROOT))  # a package that was just installed is seen by the next process only
    from beauty_mlflow.tracking.project_environment import project_environment

    project = project_environment(ROOT)
    if not runs(project / "bin" / "python"):
        print(f"Making {project}", flush=True)
        run(UV, "venv", "--quiet", "--clear", "--python", sys.executable, project)
    synchronize(project / "bin" / "python", f"requirements/{variant}.txt")


def synchronize(python: Path, requirements: str) -> None:
    """Install exactly what the lock file says, compiled; where files are missing, install everything again."""
    # compiled here: where PYTHONDONTWRITEBYTECODE is set, as in many images, each start would compile all it imports
    sync = [UV, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", "--python", python, requirements]
    run(*sync)
    if not complete(python):
        print(f"Repairing {python.parent.parent}", flush=True)
        run(*sync, "--reinstall")


def complete(python: Path) -> bool:
    """Return whether every file of every installed package is there."""
    return subprocess.run([python, "-I", "-c", MISSING_FILES], check=False).returncode == 0


def runs(python: Path) -> bool:
    """Return whether the interpreter starts and is of our version."""
    version = "import sys; print(*sys.version_info[:3])"
    try:
        found = subprocess.run([python, "-I", "-c", version], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return found.stdout.split() == [str(number) for number in sys.version_info[:3]]


def run(*command: str | Path) -> None:
    """Run a command in the project's root; its failure is ours."""
    result = subprocess.run([str(word) for word in command], cwd=ROOT, check=False)
    if result.returncode:
        sys.exit(f"error: {' '.join(map(str, command))} failed; see the lines above")


if __name__ == "__main__":
    main()
