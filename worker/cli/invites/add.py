"""``envoy-worker invites add``: one visit, by hand."""

from typing import Annotated

import typer

from worker.addresses import without_addresses
from worker.cli.opening import opened
from worker.cli.output import say, show
from worker.commands import command
from worker.errors import UsageError

Connection = Annotated[str, typer.Option("--connection", help="The connection's name.")]
ExternalId = Annotated[str, typer.Option("--external-id", help="Your own key of the visit.")]
Name = Annotated[str, typer.Option("--name", help="The visitor.")]
Arrival = Annotated[
    str,
    typer.Option("--arrival", help="ISO 8601 with Z or offset; without a zone it is local to the location."),
]
Departure = Annotated[str | None, typer.Option("--departure", help="Until when, in the same form.")]
Email = Annotated[str | None, typer.Option("--email", help="The visitor's address.")]
Location = Annotated[
    str | None, typer.Option("--location", help="Envoy id or name; else the connection's default.")
]
Flow = Annotated[str | None, typer.Option("--flow", help="Envoy id or name; else the connection's default.")]
HostId = Annotated[str | None, typer.Option("--host-employee-id", help="The host, by Envoy id.")]
HostEmail = Annotated[str | None, typer.Option("--host-email", help="The host, by address.")]
Notes = Annotated[str | None, typer.Option("--notes", help="For the front desk.")]
CustomFields = Annotated[
    list[str] | None,
    typer.Option(
        "--custom-field",
        metavar="LABEL=VALUE",
        help="A field of the flow; repeatable, and all together take the place of those before; '' is none.",
    ),
]
SendEmail = Annotated[
    bool | None,
    typer.Option(
        "--send-email/--no-send-email", help="Let Envoy mail the visitor; else the connection's default."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("add")(add)


def add(
    *,
    connection: Connection,
    external_id: ExternalId,
    invitee_name: Name,
    expected_arrival_at: Arrival,
    expected_departure_at: Departure = None,
    invitee_email: Email = None,
    location: Location = None,
    flow: Flow = None,
    host_employee_id: HostId = None,
    host_email: HostEmail = None,
    notes: Notes = None,
    custom_fields: CustomFields = None,
    send_email: SendEmail = None,
) -> None:
    """Hand in one visit.

    Where the connection has a visit of this external id, it is brought to what is said here: an option
    that is left out leaves its column as it is, an empty one ('') empties it.
    """
    values: dict[str, object] = {name: value for name, value in locals().items() if value is not None}
    from worker.connections import store
    from worker.intake import hand_in, parse

    if custom_fields is not None:
        values["custom_fields"] = dict(_pair(text) for text in custom_fields if text.strip())
    with opened() as context:
        invite = parse(values)
        invite_id = hand_in(context.database, invite)
        known = store.find(context.database, connection) is not None
    show(f"{without_addresses(f'{connection}/{external_id}')}: stored as invite {invite_id}")
    if not known:
        say(f"{connection} is not there yet: run `{command('connect', connection)}`")


def _pair(text: str) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not equals:
        raise UsageError("--custom-field: needs LABEL=VALUE")
    return label.strip(), value
