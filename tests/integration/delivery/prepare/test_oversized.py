"""Rows with more than a process should hold: refused by the table, rejected unread, taken a few at a time."""

import json
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.oversized_rows import long_object, unguarded
from worker.database.statements.sizes import MOST_BYTES
from worker.delivery.prepare.due_page import PAGE_BYTES, DuePage, due_page
from worker.errors import InputError
from worker.intake import enqueue
from worker.intake.importing import import_file
from worker.invites import store
from worker.invites.bounds import LONGEST
from worker.invites.personal import PERSONAL

VALID = {f"{number:03}" + "\U0001f600" * 200: "\U0001f601" * 255 for number in range(50)}
SET_LONG = "UPDATE invite SET custom_fields = {} WHERE external_id = :key"


def make_long(worker: WorkerWithSandbox, key: str = "v-1", size: int = MOST_BYTES + 2) -> None:
    """Store custom fields of so many bytes, as it was possible before."""
    database = worker.context.database
    with unguarded(database):
        worker.execute(SET_LONG.format(long_object(database, size)), key=key)


def test_the_table_refuses_what_is_oversized_whoever_writes_it(worker: WorkerWithSandbox) -> None:
    """By the constraint's name, in the caller's own transaction; what is within the bound goes in."""
    database = worker.context.database
    worker.add()

    for size in (MOST_BYTES + 2, 1_800_000):
        with pytest.raises(sa.exc.IntegrityError, match="custom_fields"):
            worker.execute(SET_LONG.format(long_object(database, size)), key="v-1")
        with pytest.raises(sa.exc.IntegrityError, match="custom_fields"):
            worker.add("v-2", custom_fields=json.dumps({"Purpose": "x" * size}))
    worker.execute(SET_LONG.format(long_object(database, MOST_BYTES - 100)), key="v-1")

    assert [row["external_id"] for row in worker.rows("SELECT external_id FROM invite")] == ["v-1"]


def test_an_oversized_row_is_rejected_by_its_length_until_it_is_changed(worker: WorkerWithSandbox) -> None:
    """Nothing else of its page suffers; its other columns may be changed, and it is rejected again."""
    worker.add()
    worker.add("v-2")
    make_long(worker)

    report = worker.push()
    assert (report.counts["rejected"], report.counts["sent"]) == (1, 1)
    assert worker.delivery()["error_code"] == "custom_fields_too_long"
    assert f"more than {MOST_BYTES:,} bytes" in worker.delivery()["error_detail"]

    worker.execute("UPDATE invite SET notes = 'later' WHERE external_id = 'v-1'")
    assert worker.push().counts["rejected"] == 1
    worker.execute("UPDATE invite SET custom_fields = NULL WHERE external_id = 'v-1'")
    assert worker.push().counts["sent"] == 1


def test_what_is_oversized_can_still_be_removed(worker: WorkerWithSandbox) -> None:
    """A removal is never refused for what a row holds."""
    worker.add()
    worker.push()
    make_long(worker)
    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'v-1'")

    worker.push()

    assert worker.delivery()["status"] == "withdrawn"
    assert len(worker.sandbox.ledger()["removes"]) == 1


def test_what_envoy_has_is_told_anew_where_it_was_stored_at_a_length_that_is_not_loaded(
    worker: WorkerWithSandbox,
) -> None:
    """An update then says everything, and stores it at its own length."""
    worker.add()
    worker.push()
    long = long_object(worker.context.database, MOST_BYTES + 2)
    worker_rows.let_sent_content_be(worker, long)
    worker.execute("UPDATE invite SET notes = 'new' WHERE external_id = 'v-1'")

    assert worker.push().counts["updated"] == 1

    (stored,) = worker.rows("SELECT length(CAST(sent_content AS text)) AS size FROM delivery")
    assert stored["size"] < 1_000


def test_a_page_of_due_rows_ends_at_its_bound_of_bytes(worker: WorkerWithSandbox) -> None:
    """The pages hold every row once, each whole, in their order; a row that is longer stands alone."""
    for number in range(6):
        worker.add(f"v-{number}", custom_fields=json.dumps(VALID if number % 2 else {"a": "b"}))

    database, after = worker.context.database, None
    pages: list[DuePage] = []
    until = database.read_now()
    while not pages or not pages[-1].is_last:
        pages.append(due_page(database, "acme", after=after, until=until, size=100))
        after = pages[-1].rows[-1].cursor

    rows = [row for page in pages for row in page.rows]
    assert [row.external_id for row in rows] == [f"v-{number}" for number in range(6)]
    assert [row.custom_fields for row in rows] == [VALID if n % 2 else {"a": "b"} for n in range(6)]
    assert all(sum(row.weight for row in page.rows) <= PAGE_BYTES or len(page.rows) == 1 for page in pages)
    assert worker.push().counts["sent"] == 6


def test_a_page_ends_at_its_bound_for_texts_too(worker: WorkerWithSandbox) -> None:
    """A hundred notes of the longest are many times the custom fields of as many usual rows."""
    for number in range(60):
        worker.add(f"v-{number}", notes="\U0001f600" * 2_000)

    database = worker.context.database
    page = due_page(database, "acme", after=None, until=database.read_now(), size=100)

    assert 10 < len(page.rows) < 60
    assert not page.is_last
    assert sum(sys.getsizeof(row.notes) for row in page.rows) <= PAGE_BYTES


def set_unchecked(worker: WorkerWithSandbox, column: str, value: str) -> None:
    """Write a text while checks are off: as in a restore, or by a pragma of the caller's."""
    database = worker.context.database
    with database.write() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        else:
            connection.exec_driver_sql(f"ALTER TABLE invite DROP CONSTRAINT invite_{column}_length")
        connection.execute(sa.text(f"UPDATE invite SET {column} = :value"), {"value": value})  # noqa: S608
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")


@pytest.mark.parametrize("column", ["location", "flow", "notes"])
def test_a_list_loads_no_more_of_a_text_than_the_table_allows(column: str, worker: WorkerWithSandbox) -> None:
    """So that a list of oversized places, or one such invite, costs no memory and floods no screen."""
    worker.add()
    set_unchecked(worker, column, "x" * 50_000)
    database = worker.context.database

    (listed,) = store.page(database)
    shown = store.require(database, "acme/v-1")

    assert getattr(shown.invite, column) == "x" * (LONGEST[column] + 1)
    assert getattr(listed.invite, column) in {None, getattr(shown.invite, column)}


def test_a_text_that_is_too_long_is_rejected_and_no_more_of_it_is_loaded(worker: WorkerWithSandbox) -> None:
    """Whatever wrote it."""
    database = worker.context.database
    worker.add()
    set_unchecked(worker, "notes", "x" * 50_000)

    (row,) = due_page(database, "acme", after=None, until=database.read_now(), size=9).rows
    worker.push()

    assert row.notes == "x" * 2_001
    assert worker.delivery()["error_code"] == "too_long"


def test_a_list_of_invites_holds_nothing_personal_and_one_that_is_shown_does(
    worker: WorkerWithSandbox,
) -> None:
    """What a list does not print is not loaded for it."""
    worker.add(notes="of the visitor", custom_fields='{"a": "b"}')
    worker.push()

    (listed,) = store.page(worker.context.database)
    shown = store.require(worker.context.database, "acme/v-1")

    assert (listed.name, listed.delivery.status, listed.invite.location) == ("acme/v-1", "sent", "Berlin")
    assert all(getattr(listed.invite, name) is None for name in PERSONAL)
    assert (shown.invite.notes, shown.invite.custom_fields) == ("of the visitor", {"a": "b"})
    assert shown.delivery.sent_content is None


def test_an_import_compares_long_custom_fields_as_well(worker: WorkerWithSandbox, tmp_path: Path) -> None:
    """They are loaded one by one: what is equal is unchanged, and what is oversized is replaced."""
    database = worker.context.database
    row = {"connection": "acme", "invitee_name": "x", "location": "Berlin"}
    row["expected_arrival_at"] = "2035-05-01T10:00:00Z"
    lines = [json.dumps({**row, "external_id": f"v-{number}", "custom_fields": VALID}) for number in range(3)]
    file = tmp_path / "visits.jsonl"
    file.write_text("\n".join(lines))

    def imported() -> tuple[int, int, int]:
        with file.open("rb") as stream:
            report = import_file(
                database, stream, name=file.name, connection=None, dry_run=False, on_problem=print
            )
        return report.created, report.changed, report.unchanged

    assert imported() == (3, 0, 0)
    make_long(worker)
    assert imported() == (0, 1, 2)
    assert imported() == (0, 0, 3)


def test_what_is_handed_in_from_python_is_bounded_by_the_same_rules(worker: WorkerWithSandbox) -> None:
    """So that the table is never asked for more than it takes."""
    with pytest.raises(InputError), worker.context.database.write() as connection:
        enqueue(
            connection,
            connection="acme",
            external_id="v-1",
            invitee_name="x",
            expected_arrival_at=worker.context.database.read_now(),
            custom_fields={"Purpose": "x" * MOST_BYTES},
        )
