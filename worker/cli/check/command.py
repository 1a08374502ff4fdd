"""``envoy-worker check``: what is wrong, and what to do."""

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from worker.cli.check.findings import Finding
from worker.cli.output import show, show_json
from worker.report import first_that_applies


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    connection: Annotated[str | None, typer.Option(help="Of the connections only this one.")] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Search an SQLite file of any size for damage.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is wrong, and what to do.

    Looks at settings, secrets, jobs, database, schema, clock, encryption keys, grants, and the way to Envoy.
    It writes nothing, and refreshes no token.
    """
    found: list[Finding] = []
    for finding in _all(connection, deep=deep):
        if finding in found:  # one cause that several checks met
            continue
        found.append(finding)
        if not json:
            show(finding.line)
    if json:
        show_json([finding.as_data() for finding in found])
    raise typer.Exit(first_that_applies(finding.code for finding in found))


def _all(connection: str | None, *, deep: bool) -> Iterator[Finding]:
    """Yield what every check finds; those that cannot work after a failure are left out."""
    from worker import logs
    from worker.cli.check import database, envoy, setup

    settings = setup.Setup()
    yield from settings.findings()
    if settings.context is None:
        return
    with settings.context as context:
        logs.configure(
            format=context.settings.log.format,
            level="warning",
            stream=sys.stderr,
            secrets=context.secrets.values(),
        )
        yield from database.findings(context, connection, deep=deep)
        yield from envoy.findings(context, connection)
