"""``envoy-worker invites template``: a file to begin with."""

from typing import Annotated

import typer

from worker.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("template")(template)


def template(
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines instead of CSV.")] = False,
) -> None:
    """Print a file for `invites import`: every column, and two made-up visits.

    Take out the columns that you do not fill: an empty cell clears what a visit has there.
    """
    from datetime import UTC, datetime

    from worker.intake.files.template import as_csv, as_json_lines

    today = datetime.now(UTC).date()
    text = as_json_lines(today) if json else as_csv(today)
    for line in text.rstrip("\n").split("\n"):
        show(line)
    if not json:
        say("take out the columns that you do not fill: an empty cell clears what a visit has there")
