"""What is kept of looks for hosts, and for how long."""

import pytest

from tests import worker_rows
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.employee_look_ups import (
    BERLIN,
    LENA,
    LENAS_EMAIL,
    WITH_EMPLOYEES,
    error,
    host,
    looks,
)
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.worker_rows import PAST
from worker.clock import to_millisecond
from worker.connections import store
from worker.delivery.preview import preview
from worker.directory import employees
from worker.directory.employees import By, Look, Sought
from worker.invites import moves
from worker.invites import store as invites


@pytest.fixture
def worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a connected worker whose customer lets us look employees up."""
    made = make_worker(WORKER_ENVOY__SCOPES=WITH_EMPLOYEES)
    made.connect()
    return made


def fates(worker: WorkerWithSandbox) -> dict[str, str]:
    """Return what a dry run says, by visit."""
    return {
        fate.external_id: f"{fate.fate} {fate.why.partition(':')[0]}".strip()
        for fate in preview(worker.context.database, only=None, limit=None, longest_wait=600)
    }


def test_two_runs_make_one_look(worker: WorkerWithSandbox) -> None:
    """Many visits to one host cost Envoy one look, today and in the next run."""
    for number in range(20):
        worker.add(f"v-{number}", host_email=LENAS_EMAIL, host_employee_id=LENA if number % 2 else None)
    worker.push()
    first = looks(worker)
    worker.add("later", host_email=LENAS_EMAIL.upper())
    worker.add("later-by-id", host_employee_id=LENA)

    worker.push()

    assert (first, looks(worker)) == (2, 2)
    assert {host(worker, key) for key in ("v-0", "v-1", "later", "later-by-id")} == {LENAS_EMAIL}


def test_a_look_is_believed_for_an_hour(worker: WorkerWithSandbox) -> None:
    """Then Envoy is asked again, and what was kept of others for longer is dropped."""
    worker.add("v-1", host_email=LENAS_EMAIL)
    worker.add("v-2", host_email="jonas.weber@example.com")
    worker.push()
    worker_rows.let_employees_have_been_read(worker, PAST)
    worker.add("v-3", host_email=LENAS_EMAIL)

    worker.push()

    assert looks(worker) == 3
    assert len(worker.rows("SELECT * FROM employee")) == 1


def test_nobodys_address_or_name_is_kept(worker: WorkerWithSandbox) -> None:
    """The table has ids and a digest; so a leaked backup tells no one's e-mail."""
    worker.sandbox.add_employee("Ann", "ann.lena.brandt@example.com", location_ids=[BERLIN])
    worker.add(host_email=LENAS_EMAIL)

    worker.push()

    (kept,) = worker.rows("SELECT * FROM employee")
    assert LENA in str(kept["found"])
    assert not [word for word in ("@", "lena", "ann", "brandt") if word in str(kept).casefold()]


def test_a_host_who_was_added_after_the_look_is_found_for_a_newer_row(worker: WorkerWithSandbox) -> None:
    """That nobody was found is only said of rows that fell due before Envoy was asked."""
    for number in range(10):
        worker.add(f"early-{number}", host_email="ann@example.com")
    worker.push()
    assert looks(worker) == 1
    worker.sandbox.add_employee("Ann", "ann@example.com", location_ids=[BERLIN])
    worker.add("late", host_email="ann@example.com")

    worker.push()

    assert error(worker, "early-1")[:2] == ("rejected", "host_unknown")
    assert (host(worker, "late"), looks(worker)) == ("ann@example.com", 2)


def test_a_retried_row_is_looked_up_again(worker: WorkerWithSandbox) -> None:
    """Anyone who retries a rejected row has repaired something, maybe in Envoy."""
    worker.add(host_email="ann@example.com")
    worker.push()
    worker.sandbox.add_employee("Ann", "ann@example.com", location_ids=[BERLIN])
    database = worker.context.database

    moves.retry(database, invites.require(database, "acme/v-1"))
    worker.push()

    assert host(worker) == "ann@example.com"


def test_another_grant_begins_without_what_was_kept(worker: WorkerWithSandbox) -> None:
    """It may have other scopes; and of a removed connection nothing is kept."""
    worker.add(host_email=LENAS_EMAIL)
    worker.push()
    worker.connect("acme")
    assert worker.rows("SELECT * FROM employee") == []
    worker.add("again", host_email=LENAS_EMAIL)
    worker.push()
    assert looks(worker) == 2

    store.remove(worker.context.database, "acme")

    assert worker.rows("SELECT * FROM employee") == []


def test_a_look_that_ends_after_the_removal_is_not_kept(worker: WorkerWithSandbox) -> None:
    """Another process may have been at it in between."""
    database = worker.context.database
    store.remove(database, "acme")

    employees._keep(database, 1, Sought(By.ID, LENA), Look((), database.read_now()))

    assert worker.rows("SELECT * FROM employee") == []


def test_a_dry_run_goes_by_what_is_kept_and_asks_nobody(worker: WorkerWithSandbox) -> None:
    """A host who is not known yet changes no fate."""
    worker.add("done", host_email=LENAS_EMAIL)
    worker.push()
    before = looks(worker)
    worker.add("here", host_email=LENAS_EMAIL)
    worker.add("elsewhere", host_email=LENAS_EMAIL, location="Singapore")
    worker.add("open", host_email="no@example.com")
    worker.add("by-id", host_employee_id="999999")

    told = fates(worker)

    # What was so before a row fell due refuses nobody.
    assert told == {"here": "create", "elsewhere": "create", "open": "create", "by-id": "create"}
    worker_rows.let_employees_have_been_read(worker, to_millisecond(worker.context.database.read_now()))
    assert fates(worker)["elsewhere"] == "reject host_elsewhere"
    assert looks(worker) == before


def test_a_dry_run_knows_a_missing_scope(make_worker: MakeWorker) -> None:
    """It stands in the database that this host cannot be looked up."""
    worker = make_worker()
    worker.connect()
    worker.add(host_email=LENAS_EMAIL)

    assert fates(worker) == {"v-1": "reject host_lookup_not_permitted"}
