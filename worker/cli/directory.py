"""``envoy-worker directory``: the locations and flows that the worker knows."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from worker.cli.formatting import moment
from worker.cli.opening import opened
from worker.cli.output import complain, say, show_json_object, show_rows
from worker.errors import EnvoyError, ExitCode, NeedsAuthorisation, SettingsError, TryLater
from worker.report import first_that_applies

if TYPE_CHECKING:
    from worker.connections.model import Connection
    from worker.context import Context
    from worker.directory import Directory
    from worker.directory.entries import Flow, Location

LOCATION_COLUMNS = ("connection", "kind", "id", "name", "enabled", "timezone")
FLOW_COLUMNS = ("connection", "kind", "id", "name", "enabled", "type", "location")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("directory")(directory)


def directory(
    kind: Annotated[
        Literal["locations", "flows"] | None, typer.Argument(help="Only these; else both.")
    ] = None,
    connection: Annotated[str | None, typer.Option(help="Only this connection.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Read them from Envoy first.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the locations and flows that invites may name."""
    with opened(access="write" if refresh else "read") as context:
        rows = list(_chosen(context, connection))
        codes = {_refresh(context, row) for row in rows} if refresh else set()
        rows = list(_chosen(context, connection)) if refresh else rows  # when they were read is news
        if json:
            show_json_object((name, _as_json(entries, kind)) for name, entries in _known(context, rows))
        else:
            _show(context, rows, kind)
    raise typer.Exit(first_that_applies(codes))


def _chosen(context: "Context", name: str | None) -> "Iterator[Connection]":
    from worker.connections import store
    from worker.connections.states import ConnectionStatus

    if name is not None:
        yield store.require(context.database, name)
        return
    for row in store.connections(context.database):
        if row.status != ConnectionStatus.REMOVED:
            yield row


def _refresh(context: "Context", row: "Connection") -> ExitCode:
    """Read one directory from Envoy; trouble leaves what was known, and the others go on."""
    from worker.directory import refresh

    try:
        refresh(context.database, context.api, context.tokens, row)
    except (EnvoyError, NeedsAuthorisation, SettingsError, TryLater) as error:
        complain(error)
        return error.exit_code
    return ExitCode.DONE


def _known(context: "Context", rows: "Sequence[Connection]") -> "Iterator[tuple[str, Directory]]":
    """Yield each directory by its connection's name; one at a time is in memory."""
    from worker.directory import load

    for row in rows:
        yield row.name, load(context.database, row.id or 0)


def _show(context: "Context", rows: "Sequence[Connection]", kind: str | None) -> None:
    if not rows:
        say("no connection yet: run `envoy-worker connect NAME`")
    for row in rows:
        if row.directory_refreshed_at is None:
            say(f"{row.name}: not read yet: run `envoy-worker directory --refresh`")
    for other, columns, shown in (
        ("flows", LOCATION_COLUMNS, _locations),
        ("locations", FLOW_COLUMNS, _flows),
    ):
        if kind != other:
            found = _known(context, rows)
            show_rows(columns, (line for name, entries in found for line in shown(name, entries)))


def _locations(name: str, entries: "Directory") -> list[dict[str, object]]:
    return [
        {"connection": name, "kind": "location", "id": x.envoy_id, "name": x.name,
         "enabled": _yes(x.enabled), "timezone": x.timezone}
        for x in entries.locations
    ]  # fmt: skip


def _flows(name: str, entries: "Directory") -> list[dict[str, object]]:
    places = {x.envoy_id: x.name for x in entries.locations}
    return [
        {"connection": name, "kind": "flow", "id": x.envoy_id, "name": x.name, "enabled": _yes(x.enabled),
         "type": x.type, "location": places.get(x.location_id, x.location_id) if x.location_id else "all"}
        for x in entries.flows
    ]  # fmt: skip


def _as_json(entries: "Directory", kind: str | None) -> dict[str, object]:
    parts = {
        "locations": [_fields(x) for x in entries.locations],
        "flows": [_fields(x) for x in entries.flows],
    }
    wanted = {name: rows for name, rows in parts.items() if kind in {None, name}}
    return {"refreshed_at": moment(entries.refreshed_at), **wanted}


def _fields(entry: "Location | Flow") -> dict[str, object]:
    return {name: value for name, value in asdict(entry).items() if name != "connection_id"}


def _yes(value: bool) -> str:
    return "yes" if value else "no"
