"""Rows of the model put into a real database, and read back from it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tests.delivery_model.decisions import as_text
from tests.delivery_model.state import Row, Seen
from tests.due_rows import due_row
from worker.database import Database
from worker.database.owner import this_process
from worker.delivery.due import DueRow
from worker.invites import Kind, Status
from worker.invites.model import ATTEMPTS, DELIVERIES, INVITES

PAST = datetime(2026, 1, 1, tzinfo=UTC)
NEEDS_ID = {Status.SENT}
HAS_NO_ID = {Status.WITHDRAWN, Status.EXPIRED}


def is_possible(row: Row) -> bool:
    """Return whether the database lets a row stand so."""
    if row.status in NEEDS_ID:
        return row.envoy_id is not None
    return row.status not in HAS_NO_ID or row.envoy_id is None


class RealRows:
    """Puts rows in, each as an invite of its own, and says how they stand."""

    def __init__(self, database: Database) -> None:
        """Take a database."""
        self.database = database
        self._put = 0

    def put(self, rows: Sequence[Row]) -> list[int]:
        """Put rows in, and return the ids of their deliveries."""
        names = [str(self._put + number) for number in range(len(rows))]
        self._put += len(rows)
        with self.database.write() as connection:
            connection.execute(
                sa.insert(INVITES).values(**_invite()), [{"external_id": one} for one in names]
            )
            query = sa.select(DELIVERIES.c.external_id, DELIVERIES.c.id)
            found = {row.external_id: row.id for row in connection.execute(query)}
            ids = [found[name] for name in names]
            for number, row in zip(ids, rows, strict=True):
                connection.execute(_update(number, row))
            lines = [line for number, row in zip(ids, rows, strict=True) for line in _lines(number, row)]
            connection.execute(sa.insert(ATTEMPTS), lines)
        return ids

    def rows(self, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        """Return what is to be compared of rows, as :func:`compared` does."""
        with self.database.read() as connection:
            query = sa.select(DELIVERIES).where(DELIVERIES.c.id.in_(ids))
            found = {row["id"]: row for row in connection.execute(query).mappings()}
        return [_read(found[number]) for number in ids]


def seen_row(number: int, seen: Seen) -> DueRow:
    """Return the row as a worker has seen it."""
    return due_row(
        delivery_id=number,
        revision=seen.revision,
        fencing_token=seen.token,
        envoy_invite_id=envoy_id(number, seen.envoy_id),
    )


def envoy_id(number: int, model_id: int | None) -> str | None:
    """Return an id that no other row has."""
    return None if model_id is None else f"{number}000{model_id}"


def compared(row: Row, number: int) -> tuple[Any, ...]:
    """Return what is compared of a row."""
    return (
        row.status.value, row.revision, row.token, envoy_id(number, row.envoy_id), row.content,
        row.look_ups, row.since > 0, row.for_person, row.keyed,
    )  # fmt: skip


def _read(row: Any) -> tuple[Any, ...]:
    return (
        row["status"], row["revision"], row["fencing_token"], row["envoy_invite_id"],
        as_text(row["sent_content"]), row["look_ups"], row["unknown_since"] is not None,
        row["next_attempt_at"] is None, row["content_key"] is not None,
    )  # fmt: skip


def _invite() -> dict[str, Any]:
    return {"connection": "acme", "invitee_name": "Ann", "location": "100", "expected_arrival_at": PAST}


def attempt_id(number: int, token: int) -> str:
    """Return the id of a row's attempt."""
    return f"{number}-{token}"


def _update(number: int, row: Row) -> sa.Update:
    leased = row.status is Status.SENDING
    return sa.update(DELIVERIES).where(DELIVERIES.c.id == number).values(
        status=row.status.value, revision=row.revision, fencing_token=row.token, look_ups=row.look_ups,
        envoy_invite_id=envoy_id(number, row.envoy_id), attempt_id=attempt_id(number, row.token),
        sent_content=sa.null() if row.content is None else json.loads(row.content),
        sent_revision=1 if row.status is Status.SENT else None,
        unknown_since=PAST + timedelta(minutes=row.since) if row.since else None,
        next_attempt_at=None if row.for_person else PAST,
        content_key=str(number) if row.keyed else None,
        lease_owner=this_process() if leased else None, lease_until=PAST if leased else None,
    )  # fmt: skip


def _lines(number: int, row: Row) -> list[dict[str, Any]]:
    """Return the line of the attempt, and those of the creates before it, none of which was answered."""
    made = [(row.token, row.tried), *((token, revision) for token, revision, _ in row.creates)]
    return [
        {
            "id": attempt_id(number, token), "delivery_id": number, "kind": Kind.CREATE,
            "revision": revision, "fencing_token": token, "started_at": PAST,
        }
        for token, revision in made
    ]  # fmt: skip
