"""``envoy-worker run``: the service."""

import signal
import sys

import typer

from worker.cli.opening import opened
from worker.errors import ExitCode
from worker.stopping import end_signals


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run() -> None:
    """Run the service until SIGTERM, SIGINT or SIGHUP, which drain it within 25 s."""
    _end_at_once()
    from worker.service import serve

    with opened(events_to=sys.stdout) as context:
        raise typer.Exit(serve(context))


def _end_at_once() -> None:
    """Let a signal end the process while it starts, whatever it waits for: it has nothing in hand."""

    def end(*_: object) -> None:
        raise SystemExit(ExitCode.DONE)

    for number in end_signals():
        signal.signal(number, end)
