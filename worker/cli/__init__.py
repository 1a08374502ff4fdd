"""The command line: one module a noun, each thin; imports late, so that --help answers at once.

Files:

app: The commands of ``envoy-worker``.
check: ``envoy-worker check``: what is wrong, and what to do.
connect: ``envoy-worker connect``: a customer authorises our application, through OAuth2.
connections: ``envoy-worker connections``: grants, holds and defaults; never tokens.
db: ``envoy-worker db``: the schema of the database, and a database that comes from a backup.
demo: ``envoy-worker demo``: the main job end to end, on this machine alone.
directory: ``envoy-worker directory``: the locations and flows that the worker knows.
formatting: Put values into words: times, dataclasses, invites.
invites: ``envoy-worker invites``: hand them in, see them, and decide about them.
keys: ``envoy-worker keys``: the keys that tokens are encrypted with at rest.
opening: Open the process's context for one command, with its events going where they belong.
output: Write to the operator: data to stdout, messages to stderr; tables only on a terminal.
run: ``envoy-worker run``: the service.
run_once: ``envoy-worker run-once``: one pass by hand.
sandbox: ``envoy-worker sandbox``: the stand-in of Envoy, to try things out.
status: ``envoy-worker status``: what is going on.
"""

import functools
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from worker import failpoints, loading
from worker.cli.output import complain, say, take_streams
from worker.commands import PROGRAM
from worker.errors import ExitCode, UsageError, WorkerError

if TYPE_CHECKING:
    from typer import TyperException

_HALVES = re.compile("[\ud800-\udfff]")  # how Python keeps bytes that are no UTF-8
INTERRUPTED = 130  # as a shell reports SIGINT


def main() -> None:
    """Run ``envoy-worker`` and end the process with its exit code."""
    _end(sys.argv[1:])


def run_once_main() -> None:
    """Run ``run-once``, which is ``envoy-worker run-once``."""
    _end(["run-once", *sys.argv[1:]])


def _end(arguments: Sequence[str]) -> NoReturn:
    loading.begin()
    threading.excepthook = _thread_ended
    raise SystemExit(run_command(arguments))


def _thread_ended(told: threading.ExceptHookArgs) -> None:
    """Tell of a bug that ended a thread as of any other."""
    if isinstance(told.exc_value, Exception):
        complain(_bug(told.exc_value))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code.  An operator's mistake is one line on stderr."""
    import typer

    failpoints.arm_from(os.environ)
    take_streams()
    try:
        ended = _all()(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except WorkerError as error:
        complain(error)
        return error.exit_code
    except typer.TyperException as error:
        _teach(error)
        return error.exit_code
    except BrokenPipeError:  # anyone who read our output has seen enough
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 -- a bug; its text may hold a row, so it is not shown
        told = _no_text(arguments, error) or _bug(error)
        complain(told)
        return told.exit_code
    return ended if isinstance(ended, int) else ExitCode.DONE


@functools.cache
def _all() -> Callable[..., object]:
    """Return all commands as one, made once in a process."""
    from typer.main import get_command

    from worker.cli.app import app

    return get_command(app)


def _no_text(arguments: Sequence[str], error: Exception) -> WorkerError | None:
    """Return what is wrong with an argument that neither a database nor Envoy takes; None if none is.

    The name of a file may have any bytes, so that the others cannot be told before.
    """
    if isinstance(error, UnicodeEncodeError) and any(map(_HALVES.search, arguments)):
        return UsageError("an argument is no text in UTF-8", hint="type it again; see `locale`")
    return None


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
    path = context.command_path if context else PROGRAM
    complain(UsageError(message[:1].lower() + message[1:].rstrip("."), hint=f"see `{path} --help`"))
