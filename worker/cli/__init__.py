"""The command line: one module a noun, each thin; imports late, so that --help answers at once."""

import sys
from collections.abc import Sequence

from worker.cli.output import complain
from worker.errors import ExitCode, WorkerError


def main() -> None:
    """Run ``envoy-worker`` and end the process with its exit code."""
    raise SystemExit(run_command(sys.argv[1:]))


def run_once_main() -> None:
    """Run ``run-once``, which is ``envoy-worker run-once``."""
    raise SystemExit(run_command(["run-once", *sys.argv[1:]]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code.  An operator's mistake is one line on stderr."""
    from worker.cli.app import app

    try:
        app(args=list(arguments), prog_name="envoy-worker")
    except WorkerError as error:
        complain(error)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    except KeyboardInterrupt:
        return 130
    return ExitCode.DONE
