"""A caller of the database: another program, in another language, with its own driver and no code of ours."""

import sqlite3
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.integration.status_columns import standing

# What a driver raises when the database refuses.
Refused = (sqlite3.DatabaseError, psycopg.Error)

PAST = "2020-01-01T00:00:00.000Z"
ARRIVAL = "2026-03-01T09:00:00Z"
COLUMNS = {
    "invitee_name": "Ann Example",
    "invitee_email": "ann@example.com",
    "location": "Berlin",
    "flow": "Visitor",
    "host_employee_id": "7",
    "host_email": "host@example.com",
    "expected_arrival_at": ARRIVAL,
    "expected_departure_at": "2026-03-01T10:00:00Z",
    "notes": "Third floor",
    "custom_fields": '{"Company": "Example"}',
    "send_email": True,
    "wanted": "absent",
}


class Caller:
    """Plain SQL in autocommit, with ``?`` for values on both databases."""

    def __init__(self, url: str) -> None:
        """Connect as a caller would, past all code of the worker."""
        self.sqlite = url.startswith("sqlite")
        self._connection: Any
        if self.sqlite:
            self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
            self._connection.row_factory = _as_dict
        else:
            self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Run one statement and return its rows."""
        cursor = self._connection.execute(sql if self.sqlite else sql.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []

    def one(self, sql: str, *values: object) -> dict[str, Any]:
        """Run one statement and return its only row."""
        (row,) = self.rows(sql, *values)
        return row

    def insert(self, external_id: object = "v-1", *, verb: object = "INSERT", **columns: object) -> None:
        """Write an invite with the five columns that are needed, and more where given."""
        given = {
            "connection": "acme",
            "external_id": external_id,
            "invitee_name": "Ann Example",
            "location": "Berlin",
            "expected_arrival_at": ARRIVAL,
            **columns,
        }
        marks = ", ".join("?" * len(given))
        self.rows(f"{verb} INTO invite ({', '.join(given)}) VALUES ({marks})", *given.values())

    def change(self, **columns: object) -> None:
        """Write those columns of every invite."""
        assignments = ", ".join(f"{column} = ?" for column in columns)
        self.rows(f"UPDATE invite SET {assignments}", *columns.values())  # noqa: S608 -- our own names

    def invite(self, external_id: str = "v-1") -> dict[str, Any]:
        """Read an invite back."""
        return self.one("SELECT * FROM invite WHERE external_id = ?", external_id)

    def delivery(self, external_id: str = "v-1") -> dict[str, Any]:
        """Read how the worker stands with it."""
        return self.one("SELECT * FROM delivery WHERE external_id = ?", external_id)

    def deliver(self, status: str, *, external_id: str = "v-1", attempts: int = 1) -> None:
        """Put a delivery into a state that only the worker makes, with what that state needs."""
        free = {"next_attempt_at": None, "lease_owner": None, "lease_until": None}
        stands = {**free, **standing(status, fencing_token=attempts, attempts=attempts)}
        columns = ", ".join(f"{name} = ?" for name in stands)
        self.rows(
            f"UPDATE delivery SET {columns}, deferrals = 3, error_code = 'some_code',"  # noqa: S608
            " error_detail = 'some detail' WHERE external_id = ?",
            *stands.values(),
            external_id,
        )

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def moment(value: str | datetime) -> datetime:
    """Read a time as either database gives it."""
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}
