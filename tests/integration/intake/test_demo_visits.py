"""The demo's sample file: 25 visits, three of them broken on purpose."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import worker_rows
from worker.database import Database
from worker.demo.visits import BAD_LINES, UNKNOWN_LOCATIONS, VISITS, write_visits
from worker.intake import ImportReport, Problem
from worker.intake.files.readers import read_rows

Import = Callable[..., tuple[ImportReport, list[Problem]]]

OFFICES = {
    "San Francisco HQ": "America/Los_Angeles",
    "Berlin": "Europe/Berlin",
    "Singapore": "Asia/Singapore",
}


@pytest.fixture
def offices(database: Database) -> None:
    """Let the connection ``acme`` know the offices of the sandbox."""
    at = worker_rows.At(database)
    worker_rows.add_connection(at, "acme", id=7)
    for name, zone in OFFICES.items():
        worker_rows.add_location(at, 7, name, name, timezone=zone)


@pytest.mark.usefixtures("offices")
@pytest.mark.parametrize(
    "today", [date(2026, 2, 23), date(2026, 3, 26), date(2026, 10, 22), date(2026, 12, 28)]
)
def test_23_of_25_visits_are_imported_and_all_lie_ahead(
    import_text: Import, database: Database, tmp_path: Path, today: date
) -> None:
    """Whenever the demo runs, also around the nights when clocks change."""
    file = tmp_path / "visits.csv"
    write_visits(file, today)

    report, problems = import_text(file.read_bytes())

    assert (report.created, report.rejected) == (VISITS - BAD_LINES, BAD_LINES) == (23, 2)
    assert [problem.column for problem in problems] == ["invitee_email", "expected_departure_at"]
    assert report.unknown_connections == set()
    with database.read() as connection:
        earliest = connection.execute(sa.text("SELECT min(expected_arrival_at) FROM invite")).scalar_one()
    moment = earliest if isinstance(earliest, datetime) else datetime.fromisoformat(earliest)
    assert moment > datetime.combine(today, datetime.min.time(), UTC) + timedelta(days=1)


def test_one_location_is_misspelt_and_the_others_are_the_sandboxes(tmp_path: Path) -> None:
    """The misspelt one passes the import and is left to be found out when the visit is pushed."""
    file = tmp_path / "visits.csv"
    write_visits(file, date(2026, 3, 1))

    rows = list(read_rows(io.BytesIO(file.read_bytes()), file.name))

    assert len(rows) == VISITS
    assert [row.values["location"] for row in rows if row.values["location"] not in OFFICES] == [
        "Berln"
    ] * UNKNOWN_LOCATIONS
    assert {row.values["flow"] for row in rows} == {"Visitor", "Interview", "Contractor"}
