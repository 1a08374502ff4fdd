"""The command line: one module a noun, each thin; imports late, so that --help answers at once."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from worker import failpoints
from worker.cli.output import complain, say, take_streams
from worker.errors import ExitCode, UsageError, WorkerError

if TYPE_CHECKING:
    from typer import TyperException

INTERRUPTED = 130  # as a shell reports SIGINT


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

    failpoints.arm_from(os.environ)
    take_streams()
    try:
        ended = app(args=list(arguments), prog_name="envoy-worker", standalone_mode=False)
    except WorkerError as error:
        complain(error)
        return error.exit_code
    except typer.TyperException as error:
        _teach(error)
        return error.exit_code
    except BrokenPipeError:  # whoever read our output has seen enough
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 -- a bug; its text may hold a row, so it is not shown
        complain(_bug(error))
        return ExitCode.UNEXPECTED
    return int(ended or ExitCode.DONE)


def _bug(error: Exception) -> WorkerError:
    """Print where an unexpected error came from; return the line that says so."""
    for place in traceback.extract_tb(error.__traceback__):
        say(f'  File "{place.filename}", line {place.lineno}, in {place.name}')
        say(f"    {place.line}")
    return WorkerError(f"unexpected {type(error).__name__}", hint="this is a bug: please report these lines")


def _teach(error: "TyperException") -> None:
    """Print what typer has to say about the arguments, in one line; or the help that it says instead."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context and message == context.get_help():  # our own words, and so are its line breaks
        for line in message.splitlines():
            say(line)
        return
    path = context.command_path if context else "envoy-worker"
    complain(UsageError(message[:1].lower() + message[1:].rstrip("."), hint=f"see `{path} --help`"))
