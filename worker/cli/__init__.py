"""The command line: one module a noun, each thin; imports late, so that --help answers at once."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from worker.cli.output import complain
from worker.errors import ExitCode, UsageError, WorkerError

if TYPE_CHECKING:
    from typer import TyperException


def main() -> None:
    """Run ``envoy-worker`` and end the process with its exit code."""
    raise SystemExit(run_command(sys.argv[1:]))


def run_once_main() -> None:
    """Run ``run-once``, which is ``envoy-worker run-once``."""
    raise SystemExit(run_command(["run-once", *sys.argv[1:]]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code.  An operator's mistake is one line on stderr."""
    import typer

    from worker.cli.app import app

    try:
        ended = app(args=list(arguments), prog_name="envoy-worker", standalone_mode=False)
    except WorkerError as error:
        complain(error)
        return error.exit_code
    except typer.TyperException as error:
        # Called without a command, a group has printed its help by now, and there is no more to say.
        if error.format_message():
            complain(_misuse(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return int(ended or ExitCode.DONE)


def _misuse(error: "TyperException") -> UsageError:
    """Return what typer has to say about the arguments, as one line of ours."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "envoy-worker"
    message = error.format_message().rstrip(".")
    return UsageError(message[:1].lower() + message[1:], hint=f"see `{path} --help`")
