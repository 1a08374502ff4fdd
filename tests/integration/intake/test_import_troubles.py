"""Imports that meet trouble: refusals of the database, its failure midway, rivals, size."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from worker.database import Database
from worker.errors import SchemaError
from worker.intake import ImportReport, Problem, import_file
from worker.intake.refusals import refusal_of

Import = Callable[..., tuple[ImportReport, list[Problem]]]
Stored = Callable[[str], list[tuple[object, ...]]]

HEADER = "connection,external_id,invitee_name,expected_arrival_at,notes\n"


def lines(first: int, last: int, notes: str = "") -> str:
    """Write good lines with these external ids."""
    return "".join(f"acme,{n},Jane,2026-03-02T15:00Z,{notes}\n" for n in range(first, last + 1))


def unexpected(problem: Problem) -> None:
    """Fail, where no line is to be bad."""
    raise AssertionError(problem)


def forbid(database: Database, notes: str) -> None:
    """Let the database refuse these notes, as a rule of a customer's own might."""
    sqlite = (
        "CREATE TRIGGER house_rule BEFORE INSERT ON invite WHEN NEW.notes = :notes"
        " BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: invite_notes_polite'); END"
    )
    postgresql = "ALTER TABLE invite ADD CONSTRAINT invite_notes_polite CHECK (notes <> :notes)"
    statement = (sqlite if database.is_sqlite else postgresql).replace(":notes", f"'{notes}'")
    with database.write() as connection:
        connection.execute(sa.text(statement))


def test_a_row_that_the_database_refuses_takes_no_other_row_with_it(
    database: Database, import_text: Import, stored: Stored
) -> None:
    """Its line and field are reported, its content is not; the rest of the batch goes in."""
    forbid(database, "rude")

    report, problems = import_text(HEADER + lines(10, 19) + lines(20, 20, "rude") + lines(21, 29))

    assert (report.created, report.rejected) == (19, 1)
    assert [(problem.line, problem.column) for problem in problems] == [(12, "notes")]
    assert problems[0].message == "was refused by the database (invite_notes_polite)"
    assert len(stored("external_id")) == 19


class BreakingStream(io.BytesIO):
    """A file during whose reading the table is taken away."""

    def __init__(self, content: str, database: Database, after: int) -> None:
        super().__init__(content.encode())
        self._database = database
        self._left = after

    def readline(self, size: int | None = -1, /) -> bytes:
        """Give the next line, after the table's end where its time has come."""
        self._left -= 1
        if self._left == 0:
            with self._database.write() as connection:
                connection.execute(sa.text("ALTER TABLE invite RENAME TO elsewhere"))
        return super().readline(size)


@pytest.mark.parametrize(
    ("after", "kept", "said"), [(900, 500, "the lines up to 501 are in"), (2, 0, "nothing was imported")]
)
def test_a_database_that_fails_midway_keeps_what_was_committed_and_says_so(
    database: Database, after: int, kept: int, said: str
) -> None:
    """The error names the last line that is in, and that the file can be imported again."""
    stream = BreakingStream(HEADER + lines(1, 1200), database, after)

    with pytest.raises(SchemaError, match=said) as caught:
        import_file(
            database, stream, name="visits.csv", connection=None, dry_run=False, on_problem=unexpected
        )

    assert "import the file again" in caught.value.hint
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM elsewhere")).scalar() == kept


def test_two_imports_of_one_file_at_once_create_each_row_once(import_text: Import, stored: Stored) -> None:
    """Neither trips over the other's rows; together they count each row once as created."""
    content = HEADER + lines(1, 1200)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda _: import_text(content), range(2)))

    assert [problems for _, problems in outcomes] == [[], []]
    assert sum(report.created for report, _ in outcomes) == 1200
    assert sum(report.unchanged for report, _ in outcomes) == 1200
    assert stored("revision") == [(1,)] * 1200


class LongFile(io.RawIOBase):
    """A file that is made while it is read, and counts what was taken of it."""

    def __init__(self, count: int) -> None:
        self._lines = self._written(count)
        self.read_lines = 0

    def _written(self, count: int) -> Iterator[bytes]:
        yield HEADER.encode()
        for number in range(count):
            self.read_lines += 1
            yield lines(number, number).encode()

    def readline(self, _size: int | None = -1, /) -> bytes:
        """Make the next line."""
        return next(self._lines, b"")


def test_a_long_file_is_read_as_it_is_stored(database: Database, stored: Stored) -> None:
    """Never more than a batch is in memory, and progress is told by line."""
    stream = LongFile(1_500)
    ahead: list[int] = []

    def on_progress(line: int) -> None:
        ahead.append(stream.read_lines + 1 - line)

    import_file(
        database,
        stream,  # type: ignore[arg-type]
        name="visits.csv",
        connection=None,
        dry_run=False,
        on_problem=unexpected,
        on_progress=on_progress,
    )

    assert ahead == [0, 0, 0]
    assert len(stored("external_id")) == 1_500


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("notes", "x" * 2001, "notes"),
        ("invitee_email", "secretname", "invitee_email"),
        ("host_employee_id", "x" * 65, "host_employee_id"),
        ("wanted", "secretname", "wanted"),
        ("external_id", " ", "external_id"),
        ("expected_departure_at", "2020-01-01T00:00:00Z", "expected_departure_at"),
        ("custom_fields", '["secretname"]', "custom_fields"),
    ],
)
def test_the_name_of_a_constraint_leads_to_its_field(
    database: Database, column: str, value: str, field: str
) -> None:
    """What a database refuses is said by field, on both databases, without the driver's text."""
    row = {"connection": "acme", "external_id": "1", "invitee_name": "Secretname"}
    values = row | {"expected_arrival_at": "2026-03-02T15:00:00Z"} | {column: value}
    marks = ", ".join(f"CAST(:{name} AS jsonb)" if name == "custom_fields" and not database.is_sqlite
                      else f":{name}" for name in values)  # fmt: skip
    statement = sa.text(f"INSERT INTO invite ({', '.join(values)}) VALUES ({marks})")  # noqa: S608
    with pytest.raises(sa.exc.IntegrityError) as caught, database.write() as connection:
        connection.execute(statement, values)

    refusal = refusal_of(caught.value)

    assert refusal.field == field
    assert "secretname" not in str(refusal).lower()
