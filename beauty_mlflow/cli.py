"""The command line: options made from the jobs' parameter classes, errors as sentences, exit statuses."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import click

from beauty_mlflow import __version__
from beauty_mlflow.data.wording import printable
from beauty_mlflow.errors import BeautyError, Interrupted, RefusedError, UnreachableError, missing_package
from beauty_mlflow.interruption import catch_signals
from beauty_mlflow.jobs import JOBS, load_job
from beauty_mlflow.jobs.parameters import Job, choices, is_switch, to_text
from beauty_mlflow.shortages import LOWER, explain, explain_sudden_end
from beauty_mlflow.temporary import temporary_home
from beauty_mlflow.tracking.launcher import project_run_id
from beauty_mlflow.tracking.redaction import redact

INTERNAL_ERROR = 1
_NO_MEMORY = f"error: The memory ran out. {LOWER}\n".encode()
_POSITIONAL = "positional_"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    The status is 0 where it is done, 1 where the work failed, 2 for bad input or a server that can't be reached, 3
    where a gate refused or something was found, 129, 130 and 143 for an interruption.
    """
    catch_signals()
    try:
        with temporary_home():
            _run(arguments)
    except MemoryError:  # too little to say so, or to leave after it was said
        if _debugging():
            raise
        os.write(2, _NO_MEMORY)
        os._exit(INTERNAL_ERROR)
    sys.exit(0)


def _run(arguments: Sequence[str] | None) -> None:
    try:
        cli.main(args=list(arguments) if arguments is not None else None, prog_name="beauty", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        _fail(_usage(error), error.exit_code)
    except RefusedError as error:
        _print_summary(error.summary)
        _fail(str(error), error.exit_status)
    except (BeautyError, Interrupted) as error:
        _fail(str(error), error.exit_status, close_run=not isinstance(error, UnreachableError))
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted", 128 + signal.SIGINT)
    except Exception as error:
        if _debugging():
            raise
        lacks = isinstance(error, ModuleNotFoundError)  # MLflow perhaps, which ends its run itself
        _fail(_in_words(error), INTERNAL_ERROR, close_run=not lacks)


class _Jobs(click.Group):
    """Loads a job's module only when that job is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(JOBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        return _command(cmd_name, load_job(cmd_name)) if cmd_name in JOBS else None


@click.group(cls=_Jobs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="beauty")
def cli() -> None:
    """Split, train, search, promote and serve image classifiers with MLflow."""


def _command(name: str, job: Job) -> click.Command:
    def callback(**given: tuple[str, ...]) -> None:
        _quiet_libraries()
        explain_sudden_end()
        if project_run_id():
            _end_with_mlflow()
        values = {option: _once(option, texts) for option, texts in _with_positional(given).items() if texts}
        _print_summary(job.run(job.parameters.parse(values)))

    return click.Command(
        name,
        params=[*_arguments(job), *_options(job)],
        callback=callback,
        help=job.parameters.__doc__,
        short_help=(job.parameters.__doc__ or "").splitlines()[0],
    )


def _arguments(job: Job) -> list[click.Parameter]:
    """Return what may also be given without its option's name."""
    return [
        click.Argument(
            [f"{_POSITIONAL}{name}"],
            nargs=-1,
            metavar=f"[{'|'.join(choices(job.parameters.model_fields[name])) or name.upper()}]",
        )
        for name in job.parameters.positional
    ]


def _with_positional(given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    options = {name: texts for name, texts in given.items() if not name.startswith(_POSITIONAL)}
    return {name: texts + given.get(f"{_POSITIONAL}{name}", ()) for name, texts in options.items()}


def _options(job: Job) -> list[click.Parameter]:
    options: list[click.Parameter] = []
    for name, field in job.parameters.model_fields.items():
        default = "required" if field.is_required() else f"default: {to_text(field.default) or 'empty'}"
        words = choices(field)
        known = f" One of {', '.join(words)}." if words else ""
        flag: dict[str, Any] = {"is_flag": False, "flag_value": "true"} if is_switch(field) else {}
        options.append(
            click.Option(
                [f"--{name.replace('_', '-')}", name],
                multiple=True,
                metavar=_metavar(name, words, switch=is_switch(field)),
                help=f"{field.description}{known} [{default}]",
                **flag,
            )
        )
    return options


def _metavar(name: str, words: tuple[str, ...], *, switch: bool) -> str:
    if switch:
        return "[true|false]"
    return "WORD" if words else name.upper()


def _once(option: str, texts: tuple[str, ...]) -> str:
    if len(texts) > 1:
        flag = f"--{option.replace('_', '-')}"
        raise click.UsageError(f"{flag} is given {len(texts)} times ({', '.join(texts)}); expected it once.")
    return texts[0]


def _print_summary(summary: Iterable[tuple[str, object]]) -> None:
    for name, value in summary:
        click.echo(printable(f"{name}: {value}"))


def _debugging() -> bool:
    return bool(os.environ.get("BEAUTY_DEBUG"))


def _in_words(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return missing_package(str(error.name))
    return explain(error) or f"{type(error).__name__}: {error} (set BEAUTY_DEBUG=1 for the traceback)"


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    where = f" `{context.command_path} --help` lists the parameters." if context else ""
    return f"{error.format_message()}{where}"


def _fail(message: str, status: int, *, close_run: bool = True) -> NoReturn:
    message = redact(message)
    click.echo(printable(f"error: {message}"), err=True)
    run_id = project_run_id()
    if run_id and close_run:
        from beauty_mlflow.tracking.runs import close_failed

        close_failed(run_id, message, killed=status > 128)  # noqa: PLR2004 - 128 + the signal's number
    sys.exit(status)


def _end_with_mlflow() -> None:
    """End as by SIGTERM when the `mlflow run` that started us ends first: it passes no signal on."""
    import psutil

    launcher = next(filter(_runs_projects, psutil.Process().parents()), None)
    if launcher:
        threading.Thread(target=_interrupt_after, args=(launcher,), daemon=True).start()


def _runs_projects(process: Any) -> bool:  # noqa: ANN401 - psutil is imported only where it is needed
    import psutil

    try:
        words = process.cmdline()
    except psutil.Error:  # another user's process isn't ours to read, nor what started us
        return False
    return "run" in words and any("mlflow" in word for word in words[:3])


def _interrupt_after(process: Any) -> None:  # noqa: ANN401 - psutil is imported only where it is needed
    process.wait()
    os.kill(os.getpid(), signal.SIGTERM)


def _quiet_libraries() -> None:
    # 3: what matters TensorFlow raises as well; at 2 it calls float16 on a CPU, which is only stored, an error
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
