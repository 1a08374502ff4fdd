"""Push: the host of a visit, by e-mail or by id."""

from typing import Any

import pytest

from tests.integration.delivery.conftest import MakeWorld
from tests.integration.delivery.hosting import (
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
from tests.integration.delivery.world import World
from worker.errors import ExitCode
from worker.sandbox import Faults
from worker.sandbox.api import Answer, Call
from worker.sandbox.refusals import bad_request
from worker.sandbox.state import State


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Give a connected world whose customer lets us look employees up."""
    made = make_world(WORKER_ENVOY__SCOPES=WITH_EMPLOYEES)
    made.connect()
    return made


def test_a_host_is_found_by_the_whole_email_only(world: World) -> None:
    """Envoy's filter finds parts of addresses; only the whole one, in any case, is the host."""
    near = world.sandbox.add_employee("Other", "joann@example.com", location_ids=[BERLIN])
    world.sandbox.add_employee("Host", "Ann@example.com", location_ids=[BERLIN])
    world.add("found", host_email="ANN@example.com")
    world.add("lost", host_email="oann@example.com")

    world.push()

    assert host(world, "found") == "Ann@example.com"
    status, code, detail = error(world, "lost")
    assert (status, code) == ("rejected", "host_unknown")
    assert near["id"] in detail
    assert "@" not in detail
    assert len(world.attempts()) == 1


def test_of_two_with_the_same_email_the_one_at_the_location_is_the_host(world: World) -> None:
    """Where that is no answer the row names their ids."""
    first = world.sandbox.add_employee("Ann", "ann@example.com", location_ids=[SINGAPORE])["id"]
    second = world.sandbox.add_employee("Ann", "ann@example.com", location_ids=[SINGAPORE, BERLIN])["id"]
    world.add("here", host_email="ann@example.com", location="Berlin")
    world.add("there", host_email="ann@example.com", location="Singapore")

    world.push()

    assert host(world, "here") == "ann@example.com"
    assert error(world, "there")[:2] == ("rejected", "host_ambiguous")
    assert f"{first}, {second}" in error(world, "there")[2]
    assert looks(world) == 1


@pytest.mark.parametrize("columns", [{"host_email": WEI_LINGS_EMAIL}, {"host_employee_id": WEI_LING}])
def test_a_host_of_another_location_is_refused_before_any_call(world: World, columns: dict[str, Any]) -> None:
    """The row says where that employee does belong; there the visit is created."""
    world.add("wrong", **columns)
    world.add("right", location="Singapore", **columns)

    report = world.push()

    assert report.counts["rejected"] == report.counts["sent"] == 1
    assert error(world, "wrong")[:2] == ("rejected", "host_elsewhere")
    assert error(world, "wrong")[2].endswith(f"employee {WEI_LING} belongs to: Singapore")
    assert host(world, "right") == WEI_LINGS_EMAIL


def test_a_host_by_id_is_checked(world: World) -> None:
    """One that Envoy has not costs no create."""
    world.add("known", host_employee_id=LENA)
    world.add("unknown", host_employee_id="999999")

    world.push()

    assert host(world, "known") == LENAS_EMAIL
    assert error(world, "unknown")[:2] == ("rejected", "host_unknown")
    assert len(world.attempts()) == 1


def test_one_of_whom_no_location_is_shown_is_accepted(world: World) -> None:
    """It cannot be judged here, so Envoy judges it."""
    someone = world.sandbox.add_employee("Ann", "ann@example.com", location_ids=None)["id"]
    world.add("by-email", host_email="ann@example.com")
    world.add("by-id", host_employee_id=someone)

    world.push()

    assert [host(world, key) for key in ("by-email", "by-id")] == ["ann@example.com"] * 2


def test_a_change_is_checked_too(world: World) -> None:
    """A visit moved to where its host does not belong is not sent, and Envoy keeps what it had."""
    world.add(host_email=LENAS_EMAIL)
    world.push()

    world.execute("UPDATE invite SET location = 'Singapore'")
    world.push()

    assert error(world)[:2] == ("rejected", "host_elsewhere")
    assert world.sandbox.invites()[0]["locationId"] == BERLIN

    world.execute("UPDATE invite SET host_email = :email", email=WEI_LINGS_EMAIL)
    world.push()

    assert world.sandbox.invites()[0]["locationId"] == SINGAPORE
    assert host(world) == WEI_LINGS_EMAIL


def test_what_is_not_wanted_or_over_needs_no_look(world: World) -> None:
    """Its host is of no interest, right or wrong."""
    world.add("created", host_email=LENAS_EMAIL)
    world.push()
    before = looks(world)
    world.execute("UPDATE invite SET wanted = 'absent', host_email = 'no@example.com'")
    world.add("never", host_email="no@example.com", wanted="absent")
    world.add("over", host_email="no@example.com", expected_arrival_at="2020-01-01T09:00:00Z")

    world.push()

    statuses = [world.delivery(key)["status"] for key in ("created", "never", "over")]
    assert statuses == ["withdrawn", "withdrawn", "expired"]
    assert looks(world) == before
    assert world.sandbox.invites() == []


def test_a_look_that_fails_delays_no_other_row(world: World) -> None:
    """Its own row is neither rejected nor counts an attempt; rows without a host, or with a known one, go."""
    world.add("known", host_email=LENAS_EMAIL)
    world.push()
    world.sandbox.set_faults(Faults(error_500_share=1.0, only="GET /v1/employees"))
    world.add("by-email", host_email=WEI_LINGS_EMAIL, location="Singapore")
    world.add("by-id", host_employee_id=LENA)
    world.add("known-again", host_email=LENAS_EMAIL)
    world.add("none")

    report = world.push()

    assert ExitCode.UNREACHABLE in report.troubles
    statuses = {key: world.delivery(key)["status"] for key in ("by-email", "by-id", "known-again", "none")}
    assert statuses == {"by-email": "pending", "by-id": "pending", "known-again": "sent", "none": "sent"}
    # One look in vain is enough for a page.
    assert "GET /v1/employees/{id}" not in world.sandbox.ledger()["by_route"]

    world.sandbox.set_faults(Faults())
    world.push()

    assert host(world, "by-email") == WEI_LINGS_EMAIL
    assert {row["attempts"] for row in world.rows("SELECT attempts FROM delivery")} == {1}


def test_a_look_that_envoy_refuses_keeps_no_other_row_waiting(world: World) -> None:
    """An e-mail that Envoy will never look for is its own row's fault; an id goes out unchecked."""

    def refuse(_state: State, _call: Call) -> Answer:
        raise bad_request("no")

    world.sandbox.answer(("GET", "/v1/employees"), refuse)
    world.sandbox.answer(("GET", "/v1/employees/{id}"), refuse)
    world.add("by-email", host_email="odd@example.com")
    world.add("by-id", host_employee_id=LENA)

    world.push()

    assert error(world, "by-email")[:2] == ("rejected", "host_unknown")
    assert "refused_400" in error(world, "by-email")[2]
    assert host(world, "by-id") == LENAS_EMAIL


def test_a_throttled_look_holds_the_connection_and_rejects_nothing(world: World) -> None:
    """429 speaks for all of the customer's requests; later they go out."""
    world.sandbox.set_faults(Faults(error_429_share=1.0, only="GET /v1/employees"))
    world.add("v-1", host_email=LENAS_EMAIL)
    world.add("v-2")

    world.push()

    assert {row["status"] for row in world.rows("SELECT status FROM delivery")} == {"pending"}
    assert world.rows("SELECT hold_reason FROM connection") == [{"hold_reason": "rate_limited"}]
    assert world.attempts() == []

    world.sandbox.set_faults(Faults())
    world.make_due()
    world.push()

    assert {row["status"] for row in world.rows("SELECT status FROM delivery")} == {"sent"}


@pytest.mark.parametrize(
    "sandbox_scopes", [("locations.read", "flows.read", "invites.write", "token.refresh")]
)
def test_a_scope_that_was_asked_for_and_not_granted_rejects_emails_only(world: World) -> None:
    """Envoy says 403 to the look: an e-mail is of no use then, an id may be right."""
    world.add("by-email", host_email=LENAS_EMAIL)
    world.add("by-id", host_employee_id=LENA)
    world.add("wrong-id", host_employee_id=WEI_LING)

    world.push()

    assert error(world, "by-email")[1] == "host_lookup_not_permitted"
    assert host(world, "by-id") == LENAS_EMAIL
    assert error(world, "wrong-id")[1] == "refused_422"
