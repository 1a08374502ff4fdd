"""``envoy-worker connections set``: what the invites of a connection get by default."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.addresses import without_addresses
from worker.cli.opening import opened
from worker.cli.output import show
from worker.errors import InputError, UsageError

if TYPE_CHECKING:
    from worker.connections.model import Connection
    from worker.context import Context

OPTION = "--default-custom-field"
Name = Annotated[str, typer.Argument(metavar="NAME", help="The connection's name.")]
Location = Annotated[str | None, typer.Option(help="For invites that name no location; '' clears it.")]
Flow = Annotated[str | None, typer.Option(help="For invites that name no flow; '' clears it.")]
CustomFields = Annotated[
    list[str] | None,
    typer.Option(
        OPTION,
        metavar="LABEL=VALUE",
        help="For invites without that label; {flow} is the flow's name; LABEL= removes it. Repeatable.",
    ),
]
SendEmail = Annotated[
    bool | None,
    typer.Option(
        "--default-send-email/--no-default-send-email",
        help="Whether Envoy mails visitors of whom a file or call does not say so; SQL rows say it.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("set")(set_defaults)


def set_defaults(
    name: Name,
    default_location: Location = None,
    default_flow: Flow = None,
    default_custom_fields: CustomFields = None,
    default_send_email: SendEmail = None,
) -> None:
    """Set what invites get that leave something out.

    An invite that Envoy has already stays as it is until its own row changes.
    """
    from worker.connections import store

    places = {"default_location": default_location, "default_flow": default_flow}
    changed: dict[str, Any] = {key: text.strip() or None for key, text in places.items() if text is not None}
    if default_send_email is not None:
        changed["default_send_email"] = default_send_email
    fields = _fields(default_custom_fields or ())
    if not changed and not fields:
        raise UsageError("nothing to set", hint="give --default-location, --default-flow or another default")
    with opened() as context:
        _require_known(context, store.require(context.database, name), changed)
        revise = (lambda present: _revised(present, fields)) if fields else None
        store.set_defaults(context.database, name, custom_fields=revise, **changed)
    for line in _told(changed, fields):
        show(f"{name}: {without_addresses(line)}")


def _fields(texts: Iterable[str]) -> dict[str, str | None]:
    """Return labels and values; of two spellings of a label the last one counts."""
    from worker.invites.custom_fields import label_key

    return dict({label_key(label): (label, value) for label, value in map(_field, texts)}.values())


def _field(text: str) -> tuple[str, str | None]:
    """Return a label and its value, None if it is to be removed; checked as a row's own are."""
    from worker.intake.fields.custom_fields import custom_fields

    label, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{OPTION}: needs LABEL=VALUE")
    try:
        # What is blank would be left out, and its label with it.
        (pair,) = (custom_fields(OPTION, {label: value.strip() or "-"}) or {}).items()
    except InputError as error:
        raise UsageError(f"{OPTION}: {error}") from None
    return pair[0], pair[1] if value.strip() else None


def _revised(present: dict[str, Any], fields: dict[str, str | None]) -> dict[str, Any]:
    """Return the defaults with these labels set or removed, however they were spelt before."""
    from worker.invites.custom_fields import label_key, require_few

    touched = {label_key(label) for label in fields}
    left = {label: value for label, value in present.items() if label_key(label) not in touched}
    revised = left | {label: value for label, value in fields.items() if value is not None}
    try:
        require_few(revised)
    except InputError as error:
        raise UsageError(f"{OPTION}: {error}") from None
    return revised


def _told(changed: dict[str, Any], fields: dict[str, str | None]) -> Iterator[str]:
    for key, value in changed.items():
        yield f"{key} is {str(value).lower() if isinstance(value, bool) else value or 'not set'}"
    for label, text in fields.items():
        yield f"default custom field {label} is {text or 'not set'}"


def _require_known(context: "Context", row: "Connection", changed: dict[str, Any]) -> None:
    """Return where the directory knows the defaults, or was never read.

    Raises:
        UsageError: every invite without a location or flow of its own would be rejected.
    """
    from worker.directory import load

    assert row.id is not None  # noqa: S101 -- a stored row has its id
    directory = load(context.database, row.id)
    if directory.refreshed_at is None:
        return
    location, flow = (changed.get(key, getattr(row, key)) for key in ("default_location", "default_flow"))
    try:
        place = directory.location(location) if location else None
        if flow and place:
            directory.flow(flow, place)
    except InputError as error:
        raise UsageError(f"{error.field}: {error}", hint=error.hint) from None
