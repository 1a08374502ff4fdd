"""``envoy-worker invites list`` and ``show``."""

from collections.abc import Collection
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.db import restored_notice
from worker.cli.formatting import moment, plain
from worker.cli.opening import opened
from worker.cli.output import say, show, show_json, show_rows
from worker.errors import UsageError

if TYPE_CHECKING:
    from sqlmodel import SQLModel

    from worker.invites import Attempt, Status
    from worker.invites.store import Standing

MOST = 1_000_000_000  # no database has more, or takes any number as a limit
COLUMNS = ("invite", "status", "arrival", "envoy_id", "error")  # as many as fit a terminal
# What leases and look-ups need is nobody's business.
HIDDEN = frozenset(
    {
        "id",
        "connection",
        "external_id",
        "invite_id",
        "content_key",
        "absent_key",
        "sent_content",
        "lease_owner",
        "lease_until",
        "attempt_id",
    }
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_all)
    app.command("show")(show_one)


def list_all(
    status: Annotated[str | None, typer.Option(help="Only these: pending, sent, unknown, ...")] = None,
    connection: Annotated[str | None, typer.Option(help="Only this connection's.")] = None,
    approval: Annotated[
        str | None, typer.Option(metavar="WORD", help="Only what Envoy has so: DENIED, PENDING, ...")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List invites, newest first; no visitor is named."""
    from worker.connections import store as connections
    from worker.invites import store

    wanted = _status(status)
    with opened(access="read") as context:
        found = store.page(
            context.database,
            status=wanted,
            connection=connection,
            approval=approval and approval.upper(),
            limit=min(limit, MOST) + 1,
        )
        if connection is not None and not found:
            connections.require(context.database, connection)  # a typo, and not one in the rows
    if json:
        show_json([_as_data(standing) for standing in found[:limit]])
    else:
        show_rows(COLUMNS, [_line(standing) for standing in found[:limit]], empty="no such invite")
    if len(found) > limit:
        say(f"there are more: these are the newest {limit} (--limit)")


def show_one(
    invite: Annotated[str, typer.Argument(metavar="INVITE", help="Its id, or CONNECTION/EXTERNAL_ID.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one invite whole, the visitor's name too, and what was tried."""
    from worker.invites import store

    with opened(access="read") as context:
        standing = store.require(context.database, invite)
        tried = store.attempts(context.database, standing.delivery)
        told = restored_notice.told(context.database)
    wanted, stands = _columns(standing.invite), _columns(standing.delivery, HIDDEN)
    if json:
        show_json({"invite": wanted, "delivery": stands, "attempts": [_attempt(one) for one in tried]})
        return
    _show_fields(wanted)
    show()
    _show_fields(stands)
    show()
    for one in tried:
        show(_told(one))
    if not tried:
        show("nothing was tried yet")
    if told is not None and standing.delivery.envoy_invite_id is None:
        say(told)


def _status(text: str | None) -> "Status | None":
    from worker.invites import Status

    try:
        return None if text is None else Status(text)
    except ValueError:
        raise UsageError(f"--status: there is no {text}", hint=f"there are {', '.join(Status)}") from None


def _line(standing: "Standing") -> dict[str, object]:
    return {
        "invite": standing.name,
        "status": standing.delivery.status,
        "arrival": moment(standing.invite.expected_arrival_at),
        "envoy_id": standing.delivery.envoy_invite_id,
        "error": standing.delivery.error_code,
    }


def _as_data(standing: "Standing") -> dict[str, object]:
    invite, delivery = standing.invite, standing.delivery
    shown = (
        "status", "attempts", "next_attempt_at", "envoy_invite_id", "approval_status", "error_code",
        "error_detail",
    )  # fmt: skip
    return {
        "id": invite.id,
        "invite": standing.name,
        "location": invite.location,
        "expected_arrival_at": moment(invite.expected_arrival_at),
        **{key: plain(getattr(delivery, key)) for key in shown},
    }


def _show_fields(values: dict[str, object]) -> None:
    for key, value in values.items():
        if value is not None:
            show(f"{key + ':':<24}{value if isinstance(value, str) else dumps(value, ensure_ascii=False)}")


def _columns(row: "SQLModel", hidden: Collection[str] = ()) -> dict[str, object]:
    """Return what is to be shown of a row.

    A column of another type than it should be brings no warning: that would quote the value in the log.
    """
    values = row.model_dump(exclude=set(hidden), warnings=False)
    return {key: plain(value) for key, value in values.items()}


def _attempt(one: "Attempt") -> dict[str, object]:
    return _columns(one, {"delivery_id", "owner"})


def _told(one: "Attempt") -> str:
    """Tell one attempt in a line."""
    came_to = one.verdict or "no verdict yet"
    why = " ".join(str(part) for part in (one.http_status, one.error_code, one.detail) if part is not None)
    envoy_id = f" as {one.envoy_invite_id}" if one.envoy_invite_id else ""
    return f"{moment(one.started_at)}  {one.kind} (revision {one.revision}): {came_to}{envoy_id}" + (
        f" -- {why}" if why else ""
    )
