"""A file as a mirror: what it does not name any more and still lies ahead is withdrawn."""

import io
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from tests import worker_rows
from worker.database import Database
from worker.errors import ClockDoubted, SchemaError, UsageError
from worker.intake import Check, FileRefused, ImportReport, Problem, mirror_file

Stored = Callable[[str], list[tuple[object, ...]]]
Mirror = Callable[..., tuple[ImportReport, Check, list[Problem]]]

HEADER = "external_id,invitee_name,location,expected_arrival_at\n"


def line(key: object, *, name: str = "Jane", arrival: str = "2091-03-02T15:00Z") -> str:
    """Write one visit."""
    return f"{key},{name},Berlin,{arrival}\n"


def lines(*keys: object) -> str:
    """Write a file of good lines."""
    return HEADER + "".join(line(key) for key in keys)


@pytest.fixture
def mirror(database: Database) -> Mirror:
    """Give a function that mirrors a text, and returns the report, the check and the problems."""

    def run(content: str | bytes, **options: Any) -> tuple[ImportReport, Check, list[Problem]]:
        checks: list[Check] = []
        problems: list[Problem] = []
        at_check = options.pop("at_check", lambda: None)

        def on_checked(check: Check) -> None:
            checks.append(check)
            at_check()

        settings = {"name": "visits.csv", "connection": "acme", "most_withdrawn": 1.0, "dry_run": False}
        report = mirror_file(
            options.pop("database", database),
            io.BytesIO(content.encode() if isinstance(content, str) else content),
            on_checked=on_checked,
            on_problem=problems.append,
            **{**settings, **options},
        )
        return report, checks[0], problems

    return run


def execute(database: Database, statement: str) -> None:
    """Run one statement, as another caller would."""
    with database.write() as connection:
        connection.execute(sa.text(statement))


def insert(database: Database, connection: str, key: str, arrival: str = "2091-03-02T15:00:00Z") -> None:
    """Insert a visit, as another caller would."""
    execute(
        database,
        "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"  # noqa: S608
        f" VALUES ('{connection}', '{key}', 'Jane', 'Berlin', '{arrival}')",
    )


def test_what_the_file_lacks_is_withdrawn_and_a_second_time_changes_nothing(
    mirror: Mirror, stored: Stored, database: Database
) -> None:
    """Neither a visit that is over, nor one of another connection, nor one that is absent already."""
    mirror(lines(1, 2, 3))
    insert(database, "acme", "over", "2021-03-02T15:00:00Z")
    insert(database, "globex", "theirs")
    changed = HEADER + line(1) + line(2, name="John") + line(4)

    report, check, _ = mirror(changed)
    after = stored("external_id, wanted, revision")
    again, second, _ = mirror(changed)

    assert (report.created, report.changed, report.unchanged, report.withdrawn) == (1, 1, 1, 1)
    assert (check.future, check.report.created, check.report.withdrawn) == (3, 1, 1)
    assert after == [
        ("1", "present", 1), ("2", "present", 2), ("3", "absent", 2), ("4", "present", 1),
        ("over", "present", 1), ("theirs", "present", 1),
    ]  # fmt: skip
    assert (again.unchanged, again.withdrawn, second.future) == (3, 0, 3)
    assert stored("external_id, wanted, revision") == after


def test_many_are_withdrawn_in_batches(mirror: Mirror, stored: Stored) -> None:
    """More than one transaction's worth."""
    mirror(lines(*range(1_201)))

    report, _, _ = mirror(lines(0))

    assert report.withdrawn == 1_200
    assert sorted(set(stored("wanted, revision"))) == [("absent", 2), ("present", 1)]


@pytest.mark.parametrize("content", [lines(1, 2, 3, 9), HEADER])
def test_more_than_the_share_is_refused_and_nothing_is_written(
    mirror: Mirror, stored: Stored, content: str
) -> None:
    """New lines stay out as well; an empty file is the worst of such files."""
    mirror(lines(1, 2, 3, 4, 5))

    with pytest.raises(UsageError, match="future invites of acme are not in the file") as caught:
        mirror(content, most_withdrawn=0.2)

    assert "--yes" in caught.value.hint
    assert stored("external_id, wanted") == [(str(key), "present") for key in range(1, 6)]


def test_exactly_the_share_is_withdrawn(mirror: Mirror) -> None:
    """One of five is a share of 0.2, and not more than that."""
    mirror(lines(1, 2, 3, 4, 5))

    assert mirror(lines(1, 2, 3, 4), most_withdrawn=0.2)[0].withdrawn == 1


@pytest.mark.parametrize(
    "bad",
    [
        line(2, name=""),
        line(2, arrival="2091-02-31T15:00Z"),
        line(1) + line(2) + line(2, name="John"),
        "2,Zo\udce9,Berlin,2091-03-02T15:00Z\n",  # Latin-1
    ],
)
def test_a_bad_line_keeps_its_invite(mirror: Mirror, stored: Stored, bad: str) -> None:
    """A line that is rejected still names its visit, so that only what is missing goes."""
    mirror(lines(1, 2, 3))

    report, _, problems = mirror((HEADER + line(1) + bad).encode(errors="surrogateescape"))

    assert (report.rejected, report.withdrawn, len(problems)) == (1, 1, 1)
    assert [row[0] for row in stored("external_id, wanted") if row[1] == "absent"] == ["3"]


@pytest.mark.parametrize("bad", ["2,Jane\n", '2,"Jane,Berlin,2091-03-02T15:00Z\n', line(""), line("x" * 256)])
def test_a_line_without_an_external_id_that_can_be_read_keeps_all_invites(
    mirror: Mirror, stored: Stored, bad: str
) -> None:
    """It may be any visit's; the good lines go in all the same."""
    mirror(lines(1, 2, 3))

    report, check, _ = mirror(HEADER + bad + line(4), most_withdrawn=0.2)

    assert (check.unreadable, check.report.withdrawn) == (1, 0)
    assert (report.created, report.rejected, report.withdrawn) == (1, 1, 0)
    assert stored("external_id, wanted") == [(str(key), "present") for key in range(1, 5)]


def test_what_another_caller_adds_or_changes_in_between_stays(
    mirror: Mirror, stored: Stored, database: Database
) -> None:
    """Only what stood there before the file was read, and stands there unchanged, is withdrawn."""
    mirror(lines(1, 2, 3))

    def in_between() -> None:
        insert(database, "acme", "new")
        execute(database, "UPDATE invite SET notes = 'Third floor' WHERE external_id = '2'")

    report, check, _ = mirror(lines(1), at_check=in_between)

    assert (check.report.withdrawn, report.withdrawn) == (2, 1)
    assert [row[0] for row in stored("external_id, wanted") if row[1] == "absent"] == ["3"]


def test_a_dry_run_counts_the_same_and_writes_nothing(mirror: Mirror, stored: Stored) -> None:
    """The share counts there, too."""
    mirror(lines(1, 2, 3))
    before = stored("external_id, wanted, revision")

    rehearsed, _, _ = mirror(lines(1, 2, 4), dry_run=True)
    with pytest.raises(UsageError):
        mirror(lines(1), dry_run=True, most_withdrawn=0.5)

    assert stored("external_id, wanted, revision") == before
    assert rehearsed == mirror(lines(1, 2, 4))[0]


def test_what_lies_ahead_is_told_by_the_databases_clock(mirror: Mirror, database_url: str) -> None:
    """The time that the check names is that clock's, too."""
    mirror(lines(1, 2))
    later = datetime(2092, 1, 1, tzinfo=UTC)
    other = Database(database_url, clock=lambda: later)

    report, check, _ = mirror(lines(1), database=other)
    other.dispose()

    assert (check.at, check.future, report.withdrawn) == (later, 0, 0)
    assert mirror(lines(1))[0].withdrawn == 1


def test_each_bad_line_is_told_once(mirror: Mirror) -> None:
    """Though the file is read twice."""
    _, _, problems = mirror(HEADER + line(1, name="") + line(2, arrival=""))

    assert [problem.line for problem in problems] == [2, 3]


def test_a_refused_file_withdraws_nothing(mirror: Mirror, stored: Stored) -> None:
    """A wrong header is found before."""
    mirror(lines(1))

    with pytest.raises(FileRefused):
        mirror("external_id,visitor\n")

    assert stored("wanted") == [("present",)]


def test_a_database_that_fails_at_the_withdrawals_says_that_the_lines_are_in(
    mirror: Mirror, database: Database
) -> None:
    """The next import does the rest."""
    mirror(lines(1, 2, 3))
    reads: list[int] = []

    def on_progress(last: int) -> None:
        reads.append(last)
        if len(reads) == 2:  # the second reading stores
            execute(database, "ALTER TABLE invite RENAME TO elsewhere")

    with pytest.raises(SchemaError, match="all good lines are in, 0 invites are withdrawn") as caught:
        mirror(lines(1), on_progress=on_progress)

    assert "import the file again" in caught.value.hint


@pytest.mark.parametrize("dry_run", [True, False])
def test_by_a_clock_that_was_put_back_nothing_is_withdrawn(
    database: Database, stored: Stored, mirror: Mirror, dry_run: bool
) -> None:
    """Visits that are over would count as coming, and Envoy would lose them: its clock was later once."""
    insert(database, "acme", "gone")
    worker_rows.note_envoy_time(worker_rows.At(database), "api.envoy.com", "2090-01-01T00:00:00Z")

    with pytest.raises(ClockDoubted, match=r"days behind what Envoy's was; nothing was written"):
        mirror(lines("new"), dry_run=dry_run)

    assert stored("external_id, wanted") == [("gone", "present")]


def test_a_clock_that_is_put_back_amid_a_mirror_withdraws_nothing(
    database: Database, database_url: str, stored: Stored, mirror: Mirror
) -> None:
    """In whatever moment that is: judged is the very time by which a visit lies ahead."""
    insert(database, "acme", "over")
    worker_rows.note_envoy_time(worker_rows.At(database), "api.envoy.com", "2093-01-01T00:00:00Z")
    right, back = datetime(2093, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    for asked_before in range(4):
        told = [right] * asked_before
        other = Database(database_url, clock=partial(_next_of, told, back))
        with suppress(ClockDoubted):
            mirror(HEADER, database=other)
        other.dispose()

        assert stored("external_id, wanted") == [("over", "present")]


def _next_of(told: list[datetime], after: datetime) -> datetime:
    return told.pop() if told else after
