"""What is kept of looks for hosts, and for how long."""

import pytest

from tests.integration.delivery.conftest import MakeWorld
from tests.integration.delivery.hosting import BERLIN, LENA, LENAS_EMAIL, WITH_EMPLOYEES, error, host, looks
from tests.integration.delivery.world import PAST, World
from worker.clock import to_millisecond
from worker.connections import store
from worker.delivery.preview import preview
from worker.directory import employees
from worker.directory.employees import By, Look, Sought
from worker.invites import moves
from worker.invites import store as invites


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Give a connected world whose customer lets us look employees up."""
    made = make_world(WORKER_ENVOY__SCOPES=WITH_EMPLOYEES)
    made.connect()
    return made


def fates(world: World) -> dict[str, str]:
    """Return what a dry run says, by visit."""
    return {
        fate.external_id: f"{fate.fate} {fate.why.partition(':')[0]}".strip()
        for fate in preview(world.context.database, only=None, limit=None, longest_wait=600)
    }


def test_two_runs_make_one_look(world: World) -> None:
    """Many visits to one host cost Envoy one look, today and in the next run."""
    for number in range(20):
        world.add(f"v-{number}", host_email=LENAS_EMAIL, host_employee_id=LENA if number % 2 else None)
    world.push()
    first = looks(world)
    world.add("later", host_email=LENAS_EMAIL.upper())
    world.add("later-by-id", host_employee_id=LENA)

    world.push()

    assert (first, looks(world)) == (2, 2)
    assert {host(world, key) for key in ("v-0", "v-1", "later", "later-by-id")} == {LENAS_EMAIL}


def test_a_look_is_believed_for_an_hour(world: World) -> None:
    """Then Envoy is asked again, and what was kept of others for longer is dropped."""
    world.add("v-1", host_email=LENAS_EMAIL)
    world.add("v-2", host_email="jonas.weber@example.com")
    world.push()
    world.execute("UPDATE employee SET read_at = :past", past=PAST)
    world.add("v-3", host_email=LENAS_EMAIL)

    world.push()

    assert looks(world) == 3
    assert len(world.rows("SELECT * FROM employee")) == 1


def test_nobodys_address_or_name_is_kept(world: World) -> None:
    """The table has ids and a digest; so a leaked backup tells no one's e-mail."""
    world.sandbox.add_employee("Ann", "ann.lena.brandt@example.com", location_ids=[BERLIN])
    world.add(host_email=LENAS_EMAIL)

    world.push()

    (kept,) = world.rows("SELECT * FROM employee")
    assert LENA in str(kept["found"])
    assert not [word for word in ("@", "lena", "ann", "brandt") if word in str(kept).casefold()]


def test_a_host_who_was_added_after_the_look_is_found_for_a_newer_row(world: World) -> None:
    """That nobody was found is only said of rows that fell due before Envoy was asked."""
    for number in range(10):
        world.add(f"early-{number}", host_email="ann@example.com")
    world.push()
    assert looks(world) == 1
    world.sandbox.add_employee("Ann", "ann@example.com", location_ids=[BERLIN])
    world.add("late", host_email="ann@example.com")

    world.push()

    assert error(world, "early-1")[:2] == ("rejected", "host_unknown")
    assert (host(world, "late"), looks(world)) == ("ann@example.com", 2)


def test_a_retried_row_is_looked_up_again(world: World) -> None:
    """Anyone who retries a rejected row has repaired something, maybe in Envoy."""
    world.add(host_email="ann@example.com")
    world.push()
    world.sandbox.add_employee("Ann", "ann@example.com", location_ids=[BERLIN])
    database = world.context.database

    moves.retry(database, invites.require(database, "acme/v-1"))
    world.push()

    assert host(world) == "ann@example.com"


def test_another_grant_begins_without_what_was_kept(world: World) -> None:
    """It may have other scopes; and of a removed connection nothing is kept."""
    world.add(host_email=LENAS_EMAIL)
    world.push()
    world.connect("acme")
    assert world.rows("SELECT * FROM employee") == []
    world.add("again", host_email=LENAS_EMAIL)
    world.push()
    assert looks(world) == 2

    store.remove(world.context.database, "acme")

    assert world.rows("SELECT * FROM employee") == []


def test_a_look_that_ends_after_the_removal_is_not_kept(world: World) -> None:
    """Another process may have been at it meanwhile."""
    database = world.context.database
    store.remove(database, "acme")

    employees._keep(database, 1, Sought(By.ID, LENA), Look((), database.read_now()))

    assert world.rows("SELECT * FROM employee") == []


def test_a_dry_run_goes_by_what_is_kept_and_asks_nobody(world: World) -> None:
    """A host who is not known yet changes no fate."""
    world.add("done", host_email=LENAS_EMAIL)
    world.push()
    before = looks(world)
    world.add("here", host_email=LENAS_EMAIL)
    world.add("elsewhere", host_email=LENAS_EMAIL, location="Singapore")
    world.add("open", host_email="no@example.com")
    world.add("by-id", host_employee_id="999999")

    told = fates(world)

    # What was so before a row fell due refuses nobody.
    assert told == {"here": "create", "elsewhere": "create", "open": "create", "by-id": "create"}
    world.execute("UPDATE employee SET read_at = :now", now=to_millisecond(world.context.database.read_now()))
    assert fates(world)["elsewhere"] == "reject host_elsewhere"
    assert looks(world) == before


def test_a_dry_run_knows_a_missing_scope(make_world: MakeWorld) -> None:
    """It stands in the database that this host cannot be looked up."""
    world = make_world()
    world.connect()
    world.add(host_email=LENAS_EMAIL)

    assert fates(world) == {"v-1": "reject host_lookup_not_permitted"}
