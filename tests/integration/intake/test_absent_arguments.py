"""What a call from Python does not give stays as it is; None empties."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.integration.intake.filled_visit import OPTIONAL, least
from worker.database import Database
from worker.intake import InputErrors, enqueue

Stored = Callable[[str], list[tuple[object, ...]]]

AT = datetime(2091, 3, 2, 15, tzinfo=UTC)
LOCAL = datetime(2091, 7, 15, 10)  # noqa: DTZ001 -- a wall clock's


def call(database: Database, **columns: object) -> int:
    """Hand the visit in from Python."""
    said: dict[str, object] = least(expected_arrival_at=AT) | columns
    with database.write() as connection:
        return enqueue(connection, **said)  # type: ignore[arg-type]


def test_an_argument_that_is_not_given_changes_nothing_and_none_empties(
    database: Database, stored: Stored, full: tuple[object, ...]
) -> None:
    """A call says as much as a line of a file; without *wanted*, the visit is wanted."""
    call(database)
    assert stored(", ".join(OPTIONAL)) == [full]
    assert stored("wanted, revision") == [("present", 2)]

    call(database, notes=None, custom_fields=None, send_email=None, location="Paris")

    (found,) = stored("notes, custom_fields, location, flow, invitee_email, revision")
    assert found == (None, None, "Paris", "Interview", "jane@example.com", 3)
    assert not stored("send_email")[0][0]


@pytest.mark.usefixtures("berlin", "full")
def test_a_call_without_a_place_goes_by_the_clock_of_the_visits_own(
    database: Database, stored: Stored
) -> None:
    """The same as in a file; with None, it is the connection's default."""
    call(database, expected_arrival_at=LOCAL, expected_departure_at=None)
    assert "08:00" in str(stored("expected_arrival_at")[0][0])

    call(database, expected_arrival_at=LOCAL, location=None)
    assert "02:00" in str(stored("expected_arrival_at")[0][0])


def test_a_call_that_does_not_fit_to_what_stays_writes_nothing(
    database: Database, stored: Stored, full: tuple[object, ...]
) -> None:
    """The departure that the visit has would come before its new arrival."""
    with pytest.raises(InputErrors, match="lies after the departure"):
        call(database, expected_arrival_at=AT.replace(day=3), notes="n")

    assert stored(", ".join(OPTIONAL)) == [full]
    assert stored("revision") == [(1,)]
