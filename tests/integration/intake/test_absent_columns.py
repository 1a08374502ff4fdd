"""What a file says nothing of stays as it is; what it says is empty is emptied, and counted."""

import io
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.intake.filled_visit import ARRIVAL, FULL, HEADER, OPTIONAL, jsonl, least
from worker.database import Database
from worker.intake import ImportReport, Problem, mirror_file, parse
from worker.intake.storing import carry_out, plan

Import = Callable[..., tuple[ImportReport, list[Problem]]]
Stored = Callable[[str], list[tuple[object, ...]]]


@pytest.mark.parametrize("name", ["visits.csv", "visits.jsonl"])
def test_columns_that_a_file_lacks_stay_as_they_are(
    import_text: Import, stored: Stored, full: tuple[object, ...], name: str
) -> None:
    """In a visit that is there; only that it is wanted again needs no saying."""
    line = jsonl(least()) if name.endswith("l") else f"{HEADER}\nacme,1,Jane,{ARRIVAL}\n"

    first, _ = import_text(line, name=name)
    again, _ = import_text(line, name=name)

    assert (first.changed, again.unchanged, first.cleared) == (1, 1, Counter())
    assert stored(", ".join(OPTIONAL)) == [full]
    assert stored("wanted, revision") == [("present", 2)]


def test_columns_that_a_file_lacks_are_the_defaults_in_a_new_visit(
    database: Database, import_text: Import, stored: Stored
) -> None:
    """Empty, or what the connection says; lines of one file may say more or less."""
    worker_rows.add_connection(worker_rows.At(database), default_send_email=True)

    report, _ = import_text(
        jsonl(least(), least(external_id="2", notes="n", send_email=False), least(external_id="3", flow="f")),
        name="visits.jsonl",
    )

    assert report.created == 3
    found = stored("notes, flow, wanted, send_email")
    assert [row[:3] for row in found] == [
        (None, None, "present"),
        ("n", None, "present"),
        (None, "f", "present"),
    ]
    assert [bool(row[3]) for row in found] == [True, False, True]


def test_an_empty_cell_clears_and_the_report_counts_it(
    database: Database, import_text: Import, stored: Stored
) -> None:
    """Each column in the rows where it had a value, not where '' stood for none; in a dry run the same."""
    import_text(
        jsonl(*(FULL | {"external_id": key} for key in "12"), least(external_id="3", send_email=True)),
        name="visits.jsonl",
    )
    with database.write() as connection:
        connection.execute(sa.text("UPDATE invite SET notes = '' WHERE external_id = '3'"))
    lines = [
        f"acme,{key},Jane,{ARRIVAL},,,{notes},\n" for key, notes in (("1", ""), ("2", "Bring ID"), ("3", ""))
    ]
    file = f"{HEADER},location,custom_fields,notes,send_email\n{''.join(lines)}"

    rehearsed = import_text(file, dry_run=True)
    report, _ = import_text(file)
    again, _ = import_text(file)

    assert report.cleared == {"location": 2, "custom_fields": 2, "notes": 1}
    assert rehearsed == (report, [])
    assert (again.unchanged, again.cleared) == (3, Counter())
    assert stored("location, custom_fields, notes, flow") == [
        (None, None, None, "Interview"),
        (None, None, "Bring ID", "Interview"),
        (None, None, None, None),
    ]
    # Whether Envoy mails cannot be empty: a blank cell takes the connection's default.
    assert [bool(mail) for (mail,) in stored("send_email")] == [False, False, False]


def test_null_clears_and_a_key_that_is_not_there_does_not(import_text: Import, stored: Stored) -> None:
    """Lines of one file, and of one batch, may say different things."""
    import_text(jsonl(*(FULL | {"external_id": key} for key in "1234")), name="visits.jsonl")
    lines = [
        least(notes=None),
        least(external_id="2", custom_fields={}),
        least(external_id="3", notes="  ", custom_fields=None),
        least(external_id="4", flow="Tour"),
    ]

    report, _ = import_text(jsonl(*lines), name="visits.jsonl")

    assert (report.changed, report.cleared) == (4, {"notes": 2, "custom_fields": 2})
    found = [(notes, fields is None, flow) for notes, fields, flow in stored("notes, custom_fields, flow")]
    assert found == [
        (None, False, "Interview"),
        ("Bring ID", True, "Interview"),
        (None, True, "Interview"),
        ("Bring ID", False, "Tour"),
    ]


def test_a_line_that_says_nothing_of_a_column_does_not_repeat_one_that_empties_it(
    import_text: Import,
) -> None:
    """They would come to different rows, so which of the two is meant has to be asked."""
    lines = [least(), least(notes=None), least(), least(wanted="present")]

    report, problems = import_text(jsonl(*lines), name="visits.jsonl")

    assert (report.created, report.repeated, report.rejected) == (1, 2, 1)
    assert [(problem.line, problem.code) for problem in problems] == [(2, "external_id_repeated")]


@pytest.mark.usefixtures("berlin")
def test_a_local_time_is_that_of_the_place_that_the_visit_has(import_text: Import, stored: Stored) -> None:
    """Where the file lacks the location; a new visit, and an empty cell, take the connection's default."""
    import_text(jsonl(FULL, FULL | {"external_id": "2"}), name="visits.jsonl")
    local = "2091-07-15 10:00"

    import_text(jsonl(least(expected_arrival_at=local, expected_departure_at=local)), name="visits.jsonl")
    import_text(f"{HEADER},location,expected_departure_at\nacme,2,J,{local},,{local}\nacme,3,J,{local},,\n")

    hours = [str(row[0]).replace(" ", "T")[11:13] for row in stored("expected_arrival_at")]
    assert hours == ["08", "02", "02"]


def test_an_arrival_after_the_departure_that_stays_is_refused(
    import_text: Import, stored: Stored, full: tuple[object, ...]
) -> None:
    """By line and column, in a dry run as well; the good lines of the batch go in."""
    file = f"{HEADER}\nacme,1,Jane,2091-03-03T15:00Z\nacme,2,Ben,2091-03-03T15:00Z\n"

    rehearsed = import_text(file, dry_run=True)
    report, problems = import_text(file)

    assert rehearsed == (report, problems)
    assert (report.created, report.changed, report.rejected) == (1, 0, 1)
    assert [(one.line, one.column, one.code) for one in problems] == [
        (2, "expected_arrival_at", "departure_before_arrival")
    ]
    assert stored(", ".join(OPTIONAL))[0] == full


@pytest.mark.usefixtures("full")
def test_what_another_program_makes_of_a_column_in_between_stays(database: Database, stored: Stored) -> None:
    """Columns of which nothing is said are not written, not even with what they had."""
    with database.write() as connection:
        made = plan(connection, [parse(least(flow="Tour"))])
        connection.execute(sa.text("UPDATE invite SET notes = 'changed in between'"))
        carry_out(connection, made)

    assert stored("flow, notes") == [("Tour", "changed in between")]


def test_a_mirror_leaves_columns_that_its_file_lacks(
    database: Database, import_text: Import, stored: Stored, full: tuple[object, ...]
) -> None:
    """Only visits can be missing from it; an empty cell clears, and is counted before anything is written."""
    import_text(jsonl(FULL | {"external_id": "2"}), name="visits.jsonl")
    file = f"{HEADER},notes\nacme,1,Jane,{ARRIVAL},Bring ID\nacme,2,Jane,{ARRIVAL},\n"
    checked: list[Counter[str]] = []

    report = mirror_file(
        database,
        io.BytesIO(file.encode()),
        name="visits.csv",
        connection="acme",
        most_withdrawn=0.2,
        dry_run=False,
        on_checked=lambda check: checked.append(Counter(check.report.cleared)),
        on_problem=lambda _problem: None,
    )

    assert checked == [report.cleared] == [{"notes": 1}]
    assert stored(", ".join(OPTIONAL))[0] == full
    assert stored("notes, location")[1] == (None, "Berlin")
