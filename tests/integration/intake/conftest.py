"""What the intake's tests share: files in memory, and a directory with one office in Berlin."""

import io
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.intake.filled_visit import FULL, OPTIONAL, jsonl
from worker.database import Database
from worker.intake import ImportReport, Problem, import_file


@pytest.fixture
def import_text(database: Database) -> Callable[..., tuple[ImportReport, list[Problem]]]:
    """Give a function that imports a text or bytes, and returns the report and the problems."""

    def run(
        content: str | bytes,
        *,
        name: str = "visits.csv",
        connection: str | None = None,
        dry_run: bool = False,
    ) -> tuple[ImportReport, list[Problem]]:
        problems: list[Problem] = []
        stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
        report = import_file(
            database, stream, name=name, connection=connection, dry_run=dry_run, on_problem=problems.append
        )
        return report, problems

    return run


@pytest.fixture
def berlin(database: Database) -> None:
    """Let the connection ``acme`` know offices in Berlin and Singapore, and two of the same name."""
    locations = [
        ("1", "Berlin", "Europe/Berlin"),
        ("2", "Singapore", "Asia/Singapore"),
        ("3", "Annex", "Europe/Berlin"),
        ("4", "Annex", "Asia/Singapore"),
        ("5", "Nowhere", None),
    ]
    at = worker_rows.At(database)
    worker_rows.add_connection(at, "acme", id=7, default_location="Singapore")
    for envoy_id, name, zone in locations:
        worker_rows.add_location(at, 7, envoy_id, name, timezone=zone)


@pytest.fixture
def stored(database: Database) -> Callable[[str], list[tuple[object, ...]]]:
    """Give a function that returns columns of all invites, in the order of their external ids."""

    def read(columns: str) -> list[tuple[object, ...]]:
        with database.read() as connection:
            query = sa.text(f"SELECT {columns} FROM invite_status ORDER BY external_id")  # noqa: S608
            return [tuple(row) for row in connection.execute(query)]

    return read


@pytest.fixture
def full(
    import_text: Callable[..., tuple[ImportReport, list[Problem]]],
    stored: Callable[[str], list[tuple[object, ...]]],
) -> tuple[object, ...]:
    """Have one visit in the table whose columns are all filled; return them."""
    import_text(jsonl(FULL), name="visits.jsonl")
    return stored(", ".join(OPTIONAL))[0]
