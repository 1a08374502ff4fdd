"""Who is the host of a visit."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.due_rows import ACME, BERLIN, DIRECTORY, NOW, due_row
from worker.connections.model import Connection
from worker.delivery.due import DueRow
from worker.delivery.prepare import hosts
from worker.delivery.prepare.hosts import Place
from worker.directory import Directory
from worker.directory.employees import By, Look, Person, Sought
from worker.directory.entries import Location
from worker.errors import InputError

OSLO = Location(connection_id=1, envoy_id="101", name="Oslo", enabled=True)
PLACE = Place(BERLIN, Directory([BERLIN, OSLO], [], NOW))
READER = Connection(id=1, name="acme", status="active", scopes="invites.write employees.read")
ANN = Sought(By.EMAIL, "ann@example.com")
HERE = Person("1", ("101", "100"))
HERE_TOO = Person("2", ("100",))
ELSEWHERE = Person("3", ("101", "999"))
SOMEWHERE = Person("4")
NEAR = Person("5", near=True)
HOUR = timedelta(hours=1)


def look(*people: Person, read_at: datetime = NOW) -> Look:
    """Return what Envoy said."""
    return Look(people, read_at)


def host_of(
    row: DueRow, *, kept: Look | None = None, asked: Look | None = None, connection: Connection = READER
) -> str | None:
    """Find a row's host, with what is kept and what Envoy would say."""
    return hosts.host_of(row, PLACE, connection, known=lambda _: kept, look_up=lambda _: asked)


def refusal(wanted: Sought, *people: Person) -> InputError:
    """Return why these are no host."""
    with pytest.raises(InputError) as caught:
        hosts.pick(wanted, look(*people), PLACE)
    return caught.value


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({}, None),
        ({"host_employee_id": " ", "host_email": ""}, None),
        ({"host_email": " ANN@example.com "}, ANN),
        ({"host_employee_id": " 7 ", "host_email": "ann@example.com"}, Sought(By.ID, "7")),
    ],
)
def test_a_row_means_its_host_by_id_or_else_by_email(columns: dict[str, Any], wanted: Sought | None) -> None:
    """Case and spaces around an address say nothing; blank is none."""
    assert hosts.sought(due_row(**columns)) == wanted


@pytest.mark.parametrize(
    ("people", "host"),
    [
        ([HERE], "1"),
        ([SOMEWHERE], "4"),
        ([HERE, ELSEWHERE], "1"),
        ([SOMEWHERE, HERE_TOO, NEAR], "2"),
    ],
)
def test_the_one_who_belongs_to_the_location_is_the_host(people: list[Person], host: str) -> None:
    """Of several, those at the location come first; one of whom no location is shown cannot be judged."""
    assert hosts.pick(ANN, look(*people), PLACE) == host


@pytest.mark.parametrize(
    ("people", "hint"),
    [
        ([HERE_TOO, HERE, ELSEWHERE], "use host_employee_id: 1, 2"),
        ([ELSEWHERE, SOMEWHERE], "use host_employee_id: 3, 4"),
    ],
)
def test_several_are_named_as_candidates(people: list[Person], hint: str) -> None:
    """Those at the location, or all where nobody is known to be there."""
    error = refusal(ANN, *people)

    assert (error.code, error.hint) == ("host_ambiguous", hint)


def test_many_candidates_are_cut_short() -> None:
    """What is stored of an error has an end."""
    error = refusal(ANN, *(Person(str(number), ("100",)) for number in range(100, 120)))

    assert error.hint.endswith("108, 109, ...")


def test_one_who_belongs_elsewhere_is_no_host() -> None:
    """The places are named as the directory has them, by id where it has them not."""
    error = refusal(Sought(By.ID, "3"), ELSEWHERE)

    assert (error.code, error.field) == ("host_elsewhere", "host_employee_id")
    assert error.hint == "employee 3 belongs to: 999, Oslo"


def test_a_part_of_an_address_is_nobodys() -> None:
    """Whom Envoy found by a part is only a candidate, by id."""
    error = refusal(ANN, NEAR)

    assert (error.code, error.field) == ("host_unknown", "host_email")
    assert error.hint == "known and near, by employee id: 5"
    assert refusal(Sought(By.ID, "9")).hint == ""


def test_without_the_scope_an_id_is_taken_as_it_is_and_an_email_refused() -> None:
    """Envoy judges the id; the refusal names the scope, whatever may still be kept."""
    assert host_of(due_row(host_employee_id="7"), connection=ACME, kept=look()) == "7"
    with pytest.raises(InputError, match=r"employees\.read") as caught:
        host_of(due_row(host_email="ann@example.com"), connection=ACME, kept=look(HERE))

    assert caught.value.code == "host_lookup_not_permitted"


def test_whom_an_earlier_look_found_is_not_asked_for_again() -> None:
    """Even for a row that is newer than the look."""
    row = due_row(host_email="ann@example.com", changed_at=NOW + HOUR)

    assert host_of(row, kept=look(HERE), asked=look()) == "1"


@pytest.mark.parametrize("newer", [{"changed_at": NOW + HOUR}, {"next_attempt_at": NOW + HOUR}])
@pytest.mark.parametrize("kept", [look(), look(ELSEWHERE), look(HERE, HERE_TOO)])
def test_nobody_is_refused_for_what_was_so_before_the_row_fell_due(
    newer: dict[str, datetime], kept: Look
) -> None:
    """A caller who changes the row, or a person who has it retried, may have repaired it in Envoy."""
    row = due_row(host_email="ann@example.com", **newer)

    assert host_of(row, kept=kept, asked=look(HERE_TOO)) == "2"


def test_a_look_taken_since_the_row_fell_due_speaks_for_all_such_rows() -> None:
    """A hundred rows with the same wrong host cost one look."""
    with pytest.raises(InputError):
        host_of(due_row(host_email="ann@example.com"), kept=look(read_at=NOW), asked=look(HERE))


def test_where_envoy_must_not_be_asked_the_host_is_left_open() -> None:
    """A dry run knows no more than what is kept, and refuses nobody for it."""
    assert host_of(due_row(host_email="ann@example.com")) is None
    assert host_of(due_row(host_employee_id="7")) == "7"


def test_the_rules_know_the_directory_of_the_connection() -> None:
    """A place without its name in the directory is shown by its id."""
    with pytest.raises(InputError) as caught:
        hosts.pick(ANN, look(ELSEWHERE), Place(BERLIN, DIRECTORY))

    assert "101, 999" in caught.value.hint
