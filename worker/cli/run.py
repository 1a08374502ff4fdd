"""``envoy-worker run``: the service."""

import sys

import typer

from worker.cli.parts import opened


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run() -> None:
    """Run the service until SIGTERM, SIGINT or SIGHUP; it then drains within 25 seconds."""
    from worker.service import serve

    with opened(events_to=sys.stdout) as parts:
        raise typer.Exit(serve(parts))
