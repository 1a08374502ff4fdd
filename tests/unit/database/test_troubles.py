"""Trouble with the database is told once when it begins, and once when it is over."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from worker.database.troubles import Troubles, code_of
from worker.errors import (
    DatabaseDamaged,
    DatabaseLocked,
    DatabaseRefused,
    DatabaseReplaced,
    DatabaseRestored,
    DatabaseUnfit,
    DatabaseUnreachable,
    DiskFull,
    KeysLost,
    SchemaError,
    WorkerError,
)

AWAY = DatabaseUnreachable("database: no answer", hint="start it")
LOCKED = DatabaseLocked("the database is locked", hint="find the writer")
FULL = DiskFull("the disk is full", hint="make room")


class Witness:
    """Troubles under a clock that a test moves."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.time = 100.0
        self.troubles = Troubles(lambda: self.time)
        self.troubles.tell()

    def after(self, seconds: float, error: WorkerError | None = None) -> None:
        """Let time pass, and then a transaction fail, or not."""
        self.time += seconds
        if error is None:
            self.troubles.wrote()
        else:
            self.troubles.failed(error)


def told(lines: list[Any]) -> list[tuple[str, str]]:
    """Return what was said at which level."""
    return [(line["event"], line["log_level"]) for line in lines]


def test_many_failures_are_one_line_and_so_is_their_end() -> None:
    """The end tells how long it took, up to the first write that went through."""
    witness = Witness()
    with capture_logs() as lines:
        for _ in range(20):
            witness.after(2, AWAY)
        witness.after(2)
        witness.after(5)
        witness.after(1)

    assert told(lines) == [("database.unreachable", "warning"), ("database.reachable", "info")]
    assert (lines[0]["error_code"], lines[0]["hint"]) == ("unreachable", "start it")
    assert lines[1]["duration_ms"] == 40_000


def test_a_thread_that_fails_late_begins_no_second_trouble() -> None:
    """One connection is new, another still the dead one: it is not over within the same second."""
    witness = Witness()
    with capture_logs() as lines:
        witness.after(0, AWAY)
        witness.after(0.1)
        witness.after(0.1, AWAY)
        witness.after(0.1)
        witness.after(2)

    assert len(lines) == 2


@pytest.mark.parametrize(("error", "code"), [(LOCKED, "locked"), (FULL, "disk_full")])
def test_writes_that_slip_through_do_not_end_a_lock_or_a_full_disk(error: WorkerError, code: str) -> None:
    """It is over when nothing has failed for a while."""
    witness = Witness()
    with capture_logs() as lines:
        for _ in range(5):
            witness.after(5, error)
            witness.after(5)
        witness.after(11)

    assert [line["event"] for line in lines] == ["database.unreachable", "database.reachable"]
    assert lines[0]["error_code"] == code
    assert lines[1]["duration_ms"] == 45_000, "up to the write after which nothing failed"


def test_a_full_disk_is_an_error_even_amid_another_trouble() -> None:
    """It needs a person, so it is said as well."""
    witness = Witness()
    with capture_logs() as lines:
        witness.after(1, AWAY)
        witness.after(1, FULL)
        witness.after(1, FULL)

    assert told(lines) == [("database.unreachable", "warning"), ("database.unreachable", "error")]


def test_the_next_trouble_is_told_again() -> None:
    """What is over is forgotten."""
    witness = Witness()
    with capture_logs() as lines:
        for _ in range(2):
            witness.after(1, AWAY)
            witness.after(5)

    assert [line["event"] for line in lines] == ["database.unreachable", "database.reachable"] * 2


def test_a_command_that_says_itself_what_is_wrong_has_no_second_line() -> None:
    """Events are for runs, which all meet the same."""
    troubles = Troubles()
    with capture_logs() as lines:
        troubles.failed(AWAY)
        troubles.wrote()

    assert lines == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AWAY, "unreachable"),
        (LOCKED, "locked"),
        (FULL, "disk_full"),
        (DatabaseReplaced("x"), "database_replaced"),
        (DatabaseDamaged("x"), "database_damaged"),
        (DatabaseRefused("x"), "database_refused"),
        (DatabaseRestored("x"), "database_restored"),
        (DatabaseUnfit("x"), "database_unfit"),
        (SchemaError("x"), "schema"),
        (KeysLost("x"), "keys_lost"),
    ],
)
def test_each_trouble_has_a_word_of_its_own(error: WorkerError, code: str) -> None:
    """The words are stable: `docs/events.md` has them."""
    assert code_of(error) == code
