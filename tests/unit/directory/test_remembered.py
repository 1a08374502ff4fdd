"""What is remembered of hosts in one run has a bound, whatever Envoy answers."""

import sys
from datetime import UTC, datetime

from worker.directory.employees import MOST_REMEMBERED, By, Look, Person, Remembered, Sought

NOW = datetime.now(UTC)


def sought(number: int) -> Sought:
    """Return somebody."""
    return Sought(By.EMAIL, f"{number}@example.com")


def look(places: int) -> Look:
    """Return what says that one employee belongs to so many places."""
    return Look((Person("1", tuple(f"{number:064}" for number in range(places))),), NOW)


def test_looks_are_remembered_each_for_its_connection() -> None:
    """Two customers may have an employee of the same e-mail."""
    remembered, one, other = Remembered(), look(1), look(2)
    remembered.keep(1, sought(1), one)
    remembered.keep(2, sought(1), other)

    assert remembered.get(1, sought(1)) is one
    assert remembered.get(2, sought(1)) is other
    assert remembered.get(1, sought(2)) is None


def test_what_is_remembered_has_a_bound_of_bytes() -> None:
    """A hundred hosts, each of whom belongs to ten thousand places."""
    remembered = Remembered()
    for number in range(100):
        remembered.keep(1, sought(number), look(10_000))

    kept = [found for number in range(100) if (found := remembered.get(1, sought(number)))]
    assert sum(sys.getsizeof(place) for one in kept for place in one.people[0].location_ids) < MOST_REMEMBERED
    assert kept


def test_the_same_look_again_takes_no_more_room() -> None:
    """Otherwise all others would be forgotten for it."""
    remembered = Remembered()
    remembered.keep(1, sought(0), look(1))
    for _ in range(1_000):
        remembered.keep(1, sought(1), look(100))

    assert remembered.get(1, sought(0)) is not None


def test_what_is_larger_than_all_that_may_be_remembered_is_not() -> None:
    """It is asked for again."""
    remembered = Remembered()
    remembered.keep(1, sought(1), look(50_000))

    assert remembered.get(1, sought(1)) is None
