"""``envoy-worker connections list``, ``show``, ``pause``, ``resume`` and ``remove``."""

import sys
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.connections import set_defaults
from worker.cli.formatting import as_data, moment, parse_moment
from worker.cli.opening import opened
from worker.cli.output import confirm, say, show, show_json, show_rows
from worker.commands import command
from worker.errors import UsageError

if TYPE_CHECKING:
    from worker.connections.states import ConnectionStatus

Name = Annotated[str, typer.Argument(metavar="NAME", help="The connection's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
COLUMNS = ("name", "status", "hold_reason", "held_until", "company_id")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    connections = typer.Typer(no_args_is_help=True)
    connections.command("list")(list_all)
    connections.command("show")(show_one)
    connections.command("pause")(pause)
    connections.command("resume")(resume)
    connections.command("remove")(remove)
    set_defaults.register(connections)
    app.add_typer(connections, name="connections", help="See, hold and remove connections; never a token.")


def list_all(
    status: Annotated[str | None, typer.Option(help="Only these: active, held, ...")] = None,
    json: Json = False,
) -> None:
    """List all connections, the removed ones too."""
    from worker.connections import store

    wanted = _status(status)
    with opened(access="read") as context:
        views = store.views(context.database)
    rows = [as_data(view) for view in views if wanted in {None, view.status}]
    if json:
        show_json(rows)
        return
    empty = (
        f"none of {len(views)} is {wanted}" if views else "no connection yet: run `envoy-worker connect NAME`"
    )
    show_rows(COLUMNS, rows, empty=empty)


def show_one(name: Name, json: Json = False) -> None:
    """Show how one connection stands."""
    from worker.connections import store

    with opened(access="read") as context:
        row = store.require(context.database, name)
        data = as_data(store.view(row, context.database.read_now()))
    if json:
        show_json(data)
        return
    for key, value in data.items():
        show(f"{key + ':':<24}{_text(value)}")


def pause(
    name: Name,
    until: Annotated[str | None, typer.Option(help="Resume by itself then: a time with zone.")] = None,
) -> None:
    """Send nothing for a connection until it is resumed; its grant is kept alive."""
    from worker.connections import store

    end = None if until is None else parse_moment(until, "--until")
    with opened() as context:
        if end is not None and end <= context.database.read_now():
            raise UsageError("--until: lies in the past")
        store.pause(context.database, name, end)
    again = f"`{command('connections resume', name)}`"
    show(f"{name}: paused until {moment(end) or again}")


def resume(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The connection's name.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All connections, but for those that wait for a person.")
    ] = False,
) -> None:
    """End a connection's pause, or any other hold, now.

    Only a consent ends the hold of a grant that is another company's.  Whether the customer lets us read
    invites is asked again.
    """
    from worker.connections import store
    from worker.connections.usable import resuming

    if every == (name is not None):
        raise UsageError("name one connection, or say --all")
    with opened() as context:
        if name is not None:
            held = store.resume(context.database, name)
            show(f"{name}: {'is used again' if held else 'was not held; if it waited, it does no more'}")
            return
        resumed = resuming.resume_all(context.database)
    for one in resumed:
        show(f"{one}: is used again")
    if not resumed:
        show("no connection was held")


def remove(name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Wipe a connection's tokens and use it no more; its invites stay as they are."""
    from worker.connections import store

    with opened() as context:
        store.require(context.database, name)
        if not yes:
            _ask(name)
        store.remove(context.database, name)
    show(f"{name}: removed, its tokens are wiped")
    say("Envoy keeps the grant until the customer removes the application there, under Apps")


def _text(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)


def _status(text: str | None) -> "ConnectionStatus | None":
    from worker.connections.states import ConnectionStatus

    try:
        return None if text is None else ConnectionStatus(text)
    except ValueError:
        known = ", ".join(ConnectionStatus)
        raise UsageError(f"--status: there is no {text}", hint=f"there are {known}") from None


def _ask(name: str) -> None:
    # A script would wait for good for an answer that nobody gives.
    if not sys.stdin.isatty():
        raise UsageError(f"{name} would lose its tokens", hint="say --yes where nobody can be asked")
    if not confirm(f"Wipe the tokens of {name}? Only the customer can give new ones."):
        raise UsageError(f"{name} stays as it is")
