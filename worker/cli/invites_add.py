"""``envoy-worker invites add``: one visit, by hand."""

from typing import Annotated

import typer

from worker.cli.output import say, show
from worker.cli.parts import opened
from worker.errors import UsageError

PLACE_HELP = "Envoy id or name; else the connection's default."
TIME_HELP = "ISO 8601 with Z or offset; without a zone it is local to the location."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("add")(add)


def add(
    *,
    connection: Annotated[str, typer.Option(help="The connection's name.")],
    external_id: Annotated[str, typer.Option(help="Your own key of the visit.")],
    name: Annotated[str, typer.Option(help="The visitor.")],
    arrival: Annotated[str, typer.Option(help=f"When: {TIME_HELP}")],
    departure: Annotated[str | None, typer.Option(help=f"Until when: {TIME_HELP}")] = None,
    email: Annotated[str | None, typer.Option(help="The visitor's address.")] = None,
    location: Annotated[str | None, typer.Option(help=PLACE_HELP)] = None,
    flow: Annotated[str | None, typer.Option(help=PLACE_HELP)] = None,
    host_employee_id: Annotated[str | None, typer.Option(help="The host, by Envoy id.")] = None,
    host_email: Annotated[str | None, typer.Option(help="The host, by address.")] = None,
    notes: Annotated[str | None, typer.Option(help="For the front desk.")] = None,
    custom_field: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=VALUE", help="A field of the flow; repeatable.")
    ] = None,
    send_email: Annotated[bool, typer.Option("--send-email", help="Let Envoy mail the visitor.")] = False,
) -> None:
    """Hand in one visit.

    Where the connection has a visit of this external id, it is brought to what is said here.
    """
    labels = dict(_pair(text) for text in custom_field or ())
    _store(
        {
            "connection": connection,
            "external_id": external_id,
            "invitee_name": name,
            "invitee_email": email,
            "location": location,
            "flow": flow,
            "host_employee_id": host_employee_id,
            "host_email": host_email,
            "expected_arrival_at": arrival,
            "expected_departure_at": departure,
            "notes": notes,
            "custom_fields": labels or None,
            "send_email": send_email,
        }
    )


def _store(values: dict[str, object]) -> None:
    from worker.connections import store
    from worker.intake import enqueue, parse

    with opened() as parts:
        invite = parse(values)
        with parts.database.write() as bind:
            invite_id = enqueue(bind, **invite.values())
        known = store.find(parts.database, invite.connection) is not None
    show(f"{invite.connection}/{invite.external_id}: stored as invite {invite_id}")
    if not known:
        say(f"{invite.connection} is not there yet: run `envoy-worker connect {invite.connection}`")


def _pair(text: str) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not equals:
        raise UsageError("--custom-field: needs LABEL=VALUE")
    return label.strip(), value
