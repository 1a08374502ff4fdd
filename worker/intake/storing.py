"""Bring rows of the table ``invite`` to what the caller wants, touching only those that differ."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from worker.intake.rows import FIELDS, NewInvite
from worker.invites.model import Invite
from worker.invites.personal import PERSONAL, is_cleared

INVITES = SQLModel.metadata.tables[str(Invite.__tablename__)]
Key = tuple[str, str]


@dataclass(slots=True)
class Plan:
    """What storing some invites would do; ``changed`` holds the id of each row, too."""

    new: list[NewInvite] = field(default_factory=list)
    changed: list[tuple[int, NewInvite]] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)


def plan(connection: sa.Connection, invites: Sequence[NewInvite]) -> Plan:
    """Compare the invites with the stored rows of the same external ids."""
    made = Plan()
    stored = _stored(connection, invites)
    for invite in invites:
        row = stored.get((invite.connection, invite.external_id))
        if row is None:
            made.new.append(invite)
        elif _differs(row, invite):
            made.changed.append((row["id"], invite))
        else:
            made.unchanged.append(row["id"])
    return made


def _differs(row: sa.RowMapping, invite: NewInvite) -> bool:
    """Say whether the row must be written; a visit that was cleared is not filled again for nothing."""
    ignored = (*PERSONAL, "send_email") if is_cleared(row["invitee_name"]) else ()
    return any(row[name] != value for name, value in invite.values().items() if name not in ignored)


def carry_out(connection: sa.Connection, made: Plan) -> None:
    """Insert what is new and update what differs, in the transaction that is under way."""
    if made.new:
        connection.execute(sa.insert(INVITES), [invite.values() for invite in made.new])
    if made.changed:
        connection.execute(_UPDATE, [_bound(row_id, invite) for row_id, invite in made.changed])


# What retention had cleared is filled again, so it must be cleared again one day.
_UPDATE = (
    sa.update(INVITES)
    .where(INVITES.c.id == sa.bindparam("row_id"))
    .values({name: sa.bindparam(f"new_{name}") for name in FIELDS} | {"cleared_at": None})
)


def _bound(row_id: int, invite: NewInvite) -> dict[str, Any]:
    return {"row_id": row_id} | {f"new_{name}": value for name, value in invite.values().items()}


def _stored(connection: sa.Connection, invites: Iterable[NewInvite]) -> dict[Key, sa.RowMapping]:
    keys: dict[str, list[str]] = defaultdict(list)
    for invite in invites:
        keys[invite.connection].append(invite.external_id)
    found: dict[Key, sa.RowMapping] = {}
    for name, external_ids in keys.items():
        query = sa.select(INVITES.c.id, *(INVITES.c[column] for column in FIELDS)).where(
            INVITES.c.connection == name, INVITES.c.external_id.in_(external_ids)
        )
        for row in connection.execute(query).mappings():
            found[name, row["external_id"]] = row
    return found
