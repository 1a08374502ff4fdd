"""Whether Envoy mails the visitor: what the caller says, else the connection's default."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests import worker_rows
from worker.database import Database
from worker.intake import ImportReport, Problem, enqueue

Import = Callable[..., tuple[ImportReport, list[Problem]]]
Stored = Callable[[str], list[tuple[object, ...]]]

HEADER = "connection,external_id,invitee_name,expected_arrival_at"
VISIT = "Jane,2091-03-02T15:00Z"


@pytest.fixture(autouse=True)
def mailing(database: Database) -> None:
    """Let the connection ``acme`` mail by default, and ``globex`` not."""
    at = worker_rows.At(database)
    worker_rows.add_connection(at, "acme", id=7, default_send_email=True)
    worker_rows.add_connection(at, "globex", id=8, default_send_email=False)


def mails(stored: Stored) -> list[tuple[object, bool]]:
    """Return of each visit whether it is mailed."""
    return [(key, bool(mailed)) for key, mailed in stored("external_id, send_email")]


def test_a_blank_cell_takes_the_connections_default(import_text: Import, stored: Stored) -> None:
    """What is written counts; a connection that is not there mails nobody."""
    rows = ["acme,1,{}", "acme,2,{}no", "globex,3,{}", "globex,4,{}yes", "nobody,5,{}"]
    lines = [row.format(f"{VISIT},") for row in rows]

    report, _ = import_text("\n".join([f"{HEADER},send_email", *lines]))

    assert report.created == 5
    assert mails(stored) == [("1", True), ("2", False), ("3", False), ("4", True), ("5", False)]


def test_a_column_that_is_left_out_takes_it_too_and_repeats(import_text: Import, stored: Stored) -> None:
    """In JSON Lines null is blank; the same file again changes nothing."""
    line = '{"connection": "acme", "external_id": "2", "invitee_name": "J", "send_email": null,'
    line += ' "expected_arrival_at": "2091-03-02T15:00Z"}'
    for _ in range(2):
        csv, _ = import_text(f"{HEADER}\nacme,1,{VISIT}")
        json, _ = import_text(line, name="visits.jsonl")

    assert (csv.unchanged, json.unchanged) == (1, 1)
    assert mails(stored) == [("1", True), ("2", True)]


def test_a_python_caller_who_says_nothing_takes_it_as_well(database: Database, stored: Stored) -> None:
    """For a new row, and for one that is there."""
    said = [("1", "acme", None), ("2", "acme", False), ("3", "globex", None), ("4", "nobody", None)]
    for key, name, send_email in [*said, ("2", "acme", None)]:
        with database.write() as connection:
            enqueue(
                connection,
                connection=name,
                external_id=key,
                invitee_name="Jane",
                expected_arrival_at=datetime(2091, 3, 2, 15, tzinfo=UTC),
                send_email=send_email,
            )

    assert mails(stored) == [("1", True), ("2", True), ("3", False), ("4", False)]
    assert stored("revision") == [(1,), (2,), (1,), (1,)]
