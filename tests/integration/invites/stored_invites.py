"""Invites in any state in a database, as callers and workers leave them."""

import uuid
from typing import Any

import sqlalchemy as sa

from tests import worker_rows
from tests.integration.status_columns import completed
from worker.database import Database
from worker.invites.store import Standing, require

INSERT = sa.text(
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES (:connection, :external_id, 'Ann Canary', 'Berlin', '2031-05-06T10:00:00Z')"
)


class StoredInvites:
    """Puts invites into a database, and looks at what became of them."""

    def __init__(self, database: Database) -> None:
        """Work on *database*."""
        self.database = database

    def invite(self, external_id: str, *, connection: str = "acme", **stands: Any) -> Standing:
        """Insert an invite and let its delivery stand as said; return both."""
        with self.database.write() as bind:
            bind.execute(INSERT, {"connection": connection, "external_id": external_id})
        name = f"{connection}/{external_id}"
        if stands:
            self.stand(name, **stands)
        return self.look(name)

    def unknown(self, external_id: str, *, revision: int = 1) -> Standing:
        """Insert an invite whose one create, of its first revision, ended in doubt."""
        attempt_id = uuid.uuid4().hex
        self.invite(
            external_id, status="unknown", fencing_token=1, attempts=1, attempt_id=attempt_id,
            content_key=f"key of {external_id}", error_code="connection_lost",
        )  # fmt: skip
        worker_rows.add_attempt(
            self, attempt_id, external_id, started_at="2031-05-01T10:00:00Z", verdict="unknown"
        )
        if revision > 1:
            self.execute("UPDATE invite SET notes = 'changed' WHERE external_id = :key", key=external_id)
        return self.look(f"acme/{external_id}")

    def stand(self, name: str, **values: Any) -> None:
        """Write columns of a delivery, as a worker would."""
        values = completed(values)
        worker_rows.set_delivery(self, self.look(name).delivery.external_id, **values)

    def look(self, name: str) -> Standing:
        """Return how an invite stands now."""
        return require(self.database, name)

    def execute(self, statement: str, **values: Any) -> None:
        """Run one statement."""
        with self.database.write() as bind:
            bind.execute(sa.text(statement), values)
