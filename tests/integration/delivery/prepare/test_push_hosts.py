"""Push: the host of a visit, by e-mail or by id."""

from typing import Any

import pytest

from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.employee_look_ups import (
    BERLIN,
    LENA,
    LENAS_EMAIL,
    SINGAPORE,
    WEI_LING,
    WEI_LINGS_EMAIL,
    WITH_EMPLOYEES,
    error,
    host,
    looks,
)
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.errors import ExitCode
from worker.sandbox import Faults
from worker.sandbox.api import Answer, Call
from worker.sandbox.refusals import bad_request
from worker.sandbox.state import State


@pytest.fixture
def worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a connected worker whose customer lets us look employees up."""
    made = make_worker(WORKER_ENVOY__SCOPES=WITH_EMPLOYEES)
    made.connect()
    return made


def test_a_host_is_found_by_the_whole_email_only(worker: WorkerWithSandbox) -> None:
    """Envoy's filter finds parts of addresses; only the whole one, in any case, is the host."""
    near = worker.sandbox.add_employee("Other", "joann@example.com", location_ids=[BERLIN])
    worker.sandbox.add_employee("Host", "Ann@example.com", location_ids=[BERLIN])
    worker.add("found", host_email="ANN@example.com")
    worker.add("lost", host_email="oann@example.com")

    worker.push()

    assert host(worker, "found") == "Ann@example.com"
    status, code, detail = error(worker, "lost")
    assert (status, code) == ("rejected", "host_unknown")
    assert near["id"] in detail
    assert "@" not in detail
    assert len(worker.attempts()) == 1


def test_of_two_with_the_same_email_the_one_at_the_location_is_the_host(worker: WorkerWithSandbox) -> None:
    """Where that is no answer the row names their ids."""
    first = worker.sandbox.add_employee("Ann", "ann@example.com", location_ids=[SINGAPORE])["id"]
    second = worker.sandbox.add_employee("Ann", "ann@example.com", location_ids=[SINGAPORE, BERLIN])["id"]
    worker.add("here", host_email="ann@example.com", location="Berlin")
    worker.add("there", host_email="ann@example.com", location="Singapore")

    worker.push()

    assert host(worker, "here") == "ann@example.com"
    assert error(worker, "there")[:2] == ("rejected", "host_ambiguous")
    assert f"{first}, {second}" in error(worker, "there")[2]
    assert looks(worker) == 1


@pytest.mark.parametrize("columns", [{"host_email": WEI_LINGS_EMAIL}, {"host_employee_id": WEI_LING}])
def test_a_host_of_another_location_is_refused_before_any_call(
    worker: WorkerWithSandbox, columns: dict[str, Any]
) -> None:
    """The row says where that employee does belong; there the visit is created."""
    worker.add("wrong", **columns)
    worker.add("right", location="Singapore", **columns)

    report = worker.push()

    assert report.counts["rejected"] == report.counts["sent"] == 1
    assert error(worker, "wrong")[:2] == ("rejected", "host_elsewhere")
    assert error(worker, "wrong")[2].endswith(f"employee {WEI_LING} belongs to: Singapore")
    assert host(worker, "right") == WEI_LINGS_EMAIL


def test_a_host_by_id_is_checked(worker: WorkerWithSandbox) -> None:
    """One that Envoy has not costs no create."""
    worker.add("known", host_employee_id=LENA)
    worker.add("unknown", host_employee_id="999999")

    worker.push()

    assert host(worker, "known") == LENAS_EMAIL
    assert error(worker, "unknown")[:2] == ("rejected", "host_unknown")
    assert len(worker.attempts()) == 1


def test_one_of_whom_no_location_is_shown_is_accepted(worker: WorkerWithSandbox) -> None:
    """It cannot be judged here, so Envoy judges it."""
    someone = worker.sandbox.add_employee("Ann", "ann@example.com", location_ids=None)["id"]
    worker.add("by-email", host_email="ann@example.com")
    worker.add("by-id", host_employee_id=someone)

    worker.push()

    assert [host(worker, key) for key in ("by-email", "by-id")] == ["ann@example.com"] * 2


def test_a_change_is_checked_too(worker: WorkerWithSandbox) -> None:
    """A visit moved to where its host does not belong is not sent, and Envoy keeps what it had."""
    worker.add(host_email=LENAS_EMAIL)
    worker.push()

    worker.execute("UPDATE invite SET location = 'Singapore'")
    worker.push()

    assert error(worker)[:2] == ("rejected", "host_elsewhere")
    assert worker.sandbox.invites()[0]["locationId"] == BERLIN

    worker.execute("UPDATE invite SET host_email = :email", email=WEI_LINGS_EMAIL)
    worker.push()

    assert worker.sandbox.invites()[0]["locationId"] == SINGAPORE
    assert host(worker) == WEI_LINGS_EMAIL


def test_what_is_not_wanted_or_over_needs_no_look(worker: WorkerWithSandbox) -> None:
    """Its host is of no interest, right or wrong."""
    worker.add("created", host_email=LENAS_EMAIL)
    worker.push()
    before = looks(worker)
    worker.execute("UPDATE invite SET wanted = 'absent', host_email = 'no@example.com'")
    worker.add("never", host_email="no@example.com", wanted="absent")
    worker.add("over", host_email="no@example.com", expected_arrival_at="2020-01-01T09:00:00Z")

    worker.push()

    statuses = [worker.delivery(key)["status"] for key in ("created", "never", "over")]
    assert statuses == ["withdrawn", "withdrawn", "expired"]
    assert looks(worker) == before
    assert worker.sandbox.invites() == []


def test_a_look_that_fails_delays_no_other_row(worker: WorkerWithSandbox) -> None:
    """Its own row is neither rejected nor counts an attempt; rows without a host, or with a known one, go."""
    worker.add("known", host_email=LENAS_EMAIL)
    worker.push()
    worker.sandbox.set_faults(Faults(error_500_share=1.0, only="GET /v1/employees"))
    worker.add("by-email", host_email=WEI_LINGS_EMAIL, location="Singapore")
    worker.add("by-id", host_employee_id=LENA)
    worker.add("known-again", host_email=LENAS_EMAIL)
    worker.add("none")

    report = worker.push()

    assert ExitCode.UNREACHABLE in report.troubles
    statuses = {key: worker.delivery(key)["status"] for key in ("by-email", "by-id", "known-again", "none")}
    assert statuses == {"by-email": "pending", "by-id": "pending", "known-again": "sent", "none": "sent"}
    # One look in vain is enough for a page.
    assert "GET /v1/employees/{id}" not in worker.sandbox.ledger()["by_route"]

    worker.sandbox.set_faults(Faults())
    worker.push()

    assert host(worker, "by-email") == WEI_LINGS_EMAIL
    assert {row["attempts"] for row in worker.rows("SELECT attempts FROM delivery")} == {1}


def test_a_look_that_envoy_refuses_keeps_no_other_row_waiting(worker: WorkerWithSandbox) -> None:
    """An e-mail that Envoy will never look for is its own row's fault; an id goes out unchecked."""

    def refuse(_state: State, _call: Call) -> Answer:
        raise bad_request("no")

    worker.sandbox.answer(("GET", "/v1/employees"), refuse)
    worker.sandbox.answer(("GET", "/v1/employees/{id}"), refuse)
    worker.add("by-email", host_email="odd@example.com")
    worker.add("by-id", host_employee_id=LENA)

    worker.push()

    assert error(worker, "by-email")[:2] == ("rejected", "host_unknown")
    assert "refused_400" in error(worker, "by-email")[2]
    assert host(worker, "by-id") == LENAS_EMAIL


def test_a_throttled_look_holds_the_connection_and_rejects_nothing(worker: WorkerWithSandbox) -> None:
    """429 speaks for all of the customer's requests; later they go out."""
    worker.sandbox.set_faults(Faults(error_429_share=1.0, only="GET /v1/employees"))
    worker.add("v-1", host_email=LENAS_EMAIL)
    worker.add("v-2")

    worker.push()

    assert {row["status"] for row in worker.rows("SELECT status FROM delivery")} == {"pending"}
    assert worker.rows("SELECT hold_reason FROM connection") == [{"hold_reason": "rate_limited"}]
    assert worker.attempts() == []

    worker.sandbox.set_faults(Faults())
    worker.make_due()
    worker.push()

    assert {row["status"] for row in worker.rows("SELECT status FROM delivery")} == {"sent"}


@pytest.mark.parametrize(
    "sandbox_scopes", [("locations.read", "flows.read", "invites.write", "token.refresh")]
)
def test_a_scope_that_was_asked_for_and_not_granted_rejects_emails_only(worker: WorkerWithSandbox) -> None:
    """Envoy says 403 to the look: an e-mail is of no use then, an id may be right."""
    worker.add("by-email", host_email=LENAS_EMAIL)
    worker.add("by-id", host_employee_id=LENA)
    worker.add("wrong-id", host_employee_id=WEI_LING)

    worker.push()

    assert error(worker, "by-email")[1] == "host_lookup_not_permitted"
    assert host(worker, "by-id") == LENAS_EMAIL
    assert error(worker, "wrong-id")[1] == "refused_422"
