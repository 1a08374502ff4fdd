"""A list that comes in pages is whole, or nothing rests on it."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
import structlog

from jobs import refresh_directory
from tests import worker_rows
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.doubtful_creates import ARRIVAL, WITHOUT_READING, doubt, in_envoy
from tests.integration.delivery.employee_look_ups import BERLIN, host, looks
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.delivery.reconcile.run import MOST_BROKEN_LISTS
from worker.errors import ExitCode
from worker.report import Report
from worker.sandbox import Faults
from worker.sandbox.api import Answer, Call
from worker.sandbox.refusals import Refused
from worker.sandbox.resources import ROUTES
from worker.sandbox.state import State

# What the lists of a server that may be trusted can look like.
HONEST: list[dict[str, Any]] = [
    {"page_cap": 1},
    {"page_cap": 20},
    {"page_cap": 50},
    {"page_cap": 1, "list_meta": "absent"},
    {"page_cap": 20, "list_meta": "absent", "beyond_end": "404"},
    {"page_cap": 20, "list_meta": "absent", "beyond_end": "400"},
    {"page_cap": 20, "list_meta": "as_asked"},
    {"page_cap": 20, "list_meta": "text", "beyond_end": "last"},
    {"page_cap": 50, "list_meta": "negative", "list_order": "reversed"},
    {"page_cap": 20, "list_order": "shuffled", "seed": 3},
    {"page_cap": 20, "list_order": "ignored", "beyond_end": "last"},
]
# What no list can look like.
CONTRADICTED: list[dict[str, Any]] = [
    {"page_cap": 20, "list_meta": "low"},
    {"page_cap": 20, "list_meta": "high"},
    {"page_cap": 20, "list_meta": "of_page"},
    {"list_cut": 30},
    {"page_cap": 20, "page_ignored": True},
    {"page_cap": 20, "list_meta": "absent", "page_ignored": True},
    {"page_cap": 20, "list_meta": "absent", "beyond_end": "last"},
]


@pytest.fixture
def worker(make_worker: MakeWorker) -> WorkerWithSandbox:
    """Give a worker that may read invites and employees, with 60 locations and an invite that is known."""
    made = make_worker(WORKER_ENVOY__SCOPES=json.dumps([*WITHOUT_READING, "invites.read", "employees.read"]))
    for number in range(56):
        made.sandbox.add_location(f"Site {number}")
    made.connect()
    made.add("known", expected_arrival_at=ARRIVAL.isoformat())
    made.push()
    return made


def switch(worker: WorkerWithSandbox, **faults: Any) -> None:
    """Switch faults on, and all others off."""
    worker.sandbox.set_faults(Faults(**faults))


def refreshed(worker: WorkerWithSandbox) -> Report:
    """Read the directory now."""
    return refresh_directory.run(worker.run_context(), max_age=0)


def locations(worker: WorkerWithSandbox) -> int:
    """Return how many locations are stored."""
    return len(worker.rows("SELECT * FROM location"))


def test_however_a_list_comes_all_of_it_is_read(worker: WorkerWithSandbox) -> None:
    """Caps, orders, and a meta that is odd or absent: every location is known afterwards."""
    for faults in HONEST:
        worker_rows.remove_locations(worker)
        switch(worker, lists="locations", **faults)

        report = refreshed(worker)

        assert (dict(report.counts), locations(worker), faults) == ({"refreshed": 1}, 60, faults)


def test_a_location_beyond_the_first_page_is_no_unknown_one(worker: WorkerWithSandbox) -> None:
    """A valid row is not rejected because Envoy's pages are short."""
    worker.sandbox.add_location("Last Site")
    switch(worker, page_cap=20, list_meta="absent")
    worker.add(location="Last Site")

    assert worker.push().counts["sent"] == 1


def test_a_contradicted_list_changes_no_directory(worker: WorkerWithSandbox) -> None:
    """It is read once more, told, and what is stored stays; a row that needs more waits, others go on."""
    worker.add("v-1", location="Nowhere")
    for number, faults in enumerate(CONTRADICTED):
        switch(worker, lists="locations", **faults)
        worker.add(f"w-{number}", location="Site 7", invitee_email=f"{number}@example.com")

        with structlog.testing.capture_logs() as events:
            report = refreshed(worker)
        pushed = worker.push()

        (told,) = [event for event in events if event["event"] == "directory.refresh_failed"]
        assert (dict(report.counts), locations(worker), faults) == ({"failed": 1}, 60, faults)
        assert told["error_code"] in {"list_incomplete", "pages_repeat"}
        assert (pushed.counts["sent"], pushed.counts["rejected"], faults) == (1, 0, faults)
        assert worker.delivery("v-1")["status"] == "pending"

    switch(worker)
    assert worker.push().counts["rejected"] == 1


def before_page(worker: WorkerWithSandbox, kind: str, page: str, happens: Callable[[State], object]) -> None:
    """Let something happen in Envoy once, when that page of a list is asked for."""
    key = ("GET", f"/v1/{kind}")
    honest = ROUTES[key]
    waiting = [happens]

    def handler(state: State, call: Call) -> Answer:
        if waiting and call.request.query.get("page") == page:
            waiting.pop()(state)
        return honest.handler(state, call)

    worker.sandbox.answer(key, handler)


def test_a_list_that_was_contradicted_once_is_read_again_at_once(worker: WorkerWithSandbox) -> None:
    """A location comes in before the others, so that one comes twice: the second reading is whole."""
    worker_rows.remove_locations(worker)
    switch(worker, lists="locations", page_cap=20, list_order="reversed")
    before_page(worker, "locations", "2", lambda _state: worker.sandbox.add_location("New Site"))

    assert dict(refreshed(worker).counts) == {"refreshed": 1}

    assert locations(worker) == 61


def test_what_is_made_while_a_list_is_read_does_not_spoil_it(worker: WorkerWithSandbox) -> None:
    """Look-ups ask in ascending order of creation: it comes last, and one reading is enough."""
    crowd(worker, 21)
    doubt(worker, "drop_after_share", invitee_email="v-1@example.com")
    switch(worker, lists="invites", page_cap=20)
    before_page(worker, "invites", "2", another)
    worker.make_looks_due()

    assert worker.reconcile().counts["sent"] == 1

    assert worker.sandbox.ledger()["by_route"]["GET /v1/invites"] == {"200": 2}


def test_a_list_is_given_up_between_its_pages_when_the_process_is_to_end(worker: WorkerWithSandbox) -> None:
    """No look is counted, nothing is held, nothing speaks against Envoy; the row is looked up next time."""
    doubt(worker, "drop_after_share")
    switch(worker, page_cap=1)
    before_page(worker, "invites", "2", lambda _state: worker.context.stop.set())
    worker.make_looks_due()

    report = worker.reconcile()

    assert (report.counts["looked_up"], report.troubles) == (0, {ExitCode.TRY_LATER})
    assert worker.sandbox.ledger()["by_route"]["GET /v1/invites"] == {"200": 2}
    row = worker.delivery()
    assert (row["status"], row["look_ups"], row["deferrals"]) == ("unknown", 0, 0)
    assert [line["kind"] for line in worker.attempts()] == ["create", "create"]
    assert worker.rows("SELECT hold_reason FROM connection") == [{"hold_reason": None}]
    worker.context.stop.clear()
    worker.make_looks_due()
    assert worker.reconcile().counts["sent"] == 1


def test_a_directory_is_given_up_between_its_pages_when_the_process_is_to_end(
    worker: WorkerWithSandbox,
) -> None:
    """That is no failure of the customer's; what is stored stays."""
    switch(worker, page_cap=1)
    before_page(worker, "locations", "3", lambda _state: worker.context.stop.set())
    asked = worker.reads()

    report = refreshed(worker)

    assert (dict(report.counts), report.troubles) == ({}, {ExitCode.TRY_LATER})
    assert (worker.reads() - asked, locations(worker)) == (3, 60)


def another(state: State) -> None:
    """Have one more invite at the same place and time, as soon as may be."""
    like = next(held for held in state.invites.all() if held.wanted["invitee"]["name"] == "Other 0")
    state.invites.create(like.company_id, like.wanted)


def crowd(worker: WorkerWithSandbox, number: int = 45) -> None:
    """Have so many other invites in Envoy at the same place and time."""
    for one in range(number):
        in_envoy(worker, invitee={"name": f"Other {one}", "email": f"other-{one}@example.com"})


def test_a_create_is_found_on_a_later_page(worker: WorkerWithSandbox) -> None:
    """However the list comes; none of them is sent again."""
    crowd(worker)
    for number, faults in enumerate(HONEST):
        key = f"w-{number}"
        doubt(worker, "drop_after_share", external_id=key, invitee_email=f"w-{number}@example.com")
        switch(worker, lists="invites", **faults)
        worker.make_looks_due()

        assert (worker.reconcile().counts["sent"], faults) == (1, faults)

    assert worker.sandbox.ledger()["duplicates"] == []


def test_no_look_rests_on_a_contradicted_list(worker: WorkerWithSandbox) -> None:
    """It is no look, and no customer's others wait for it; once the list is whole again all are found."""
    crowd(worker)
    for number in range(3):
        key = f"w-{number}"
        doubt(worker, "drop_after_share", external_id=key, invitee_email=f"{key}@example.com")
    for faults in CONTRADICTED:
        switch(worker, lists="invites", **faults)
        worker.make_looks_due()

        report = worker.reconcile()

        assert (report.counts["looked_up"], report.troubles, faults) == (0, {ExitCode.REJECTED}, faults)
    rows = worker.rows("SELECT status, look_ups, deferrals FROM delivery WHERE external_id LIKE 'w-%'")
    assert {tuple(row.values()) for row in rows} == {("unknown", 0, len(CONTRADICTED))}
    assert worker.rows("SELECT hold_reason FROM connection") == [{"hold_reason": None}]

    switch(worker)
    worker.make_looks_due()
    assert worker.reconcile().counts["sent"] == 3


def test_a_list_that_contradicts_itself_again_and_again_is_told_to_a_person(
    worker: WorkerWithSandbox,
) -> None:
    """The invite would wait for ever otherwise, and nobody would hear of it."""
    doubt(worker, "drop_after_share", invitee_email="v-1@example.com")
    switch(worker, lists="invites", list_cut=1)
    for _ in range(MOST_BROKEN_LISTS):
        assert worker.delivery()["next_attempt_at"] is not None
        worker.make_looks_due()
        worker.reconcile()

    row = worker.delivery()
    assert (row["status"], row["error_code"], row["next_attempt_at"]) == ("unknown", "look_up_refused", None)
    assert row["error_detail"] == "Envoy's answer: list_incomplete"


def test_a_host_on_a_later_page_is_found(worker: WorkerWithSandbox) -> None:
    """Envoy's filter finds parts of addresses, so that the right one may come late."""
    for number in range(25):
        worker.sandbox.add_employee("Other", f"x{number}.ann@example.com", location_ids=[BERLIN])
    worker.sandbox.add_employee("Ann", "ann@example.com", location_ids=[BERLIN])
    switch(worker, lists="employees", page_cap=20)
    worker.add(host_email="ann@example.com")

    worker.push()

    assert host(worker) == "ann@example.com"


def test_no_host_is_refused_by_a_contradicted_list(worker: WorkerWithSandbox) -> None:
    """Its rows wait, and do not ask for it one by one; a row with another host goes on."""
    for number in range(25):
        worker.sandbox.add_employee("Other", f"x{number}.ann@example.com", location_ids=[BERLIN])
    switch(worker, lists="employees", list_cut=20)
    worker.add("waits", host_email="ann@example.com")
    worker.add("waits, too", host_email="ann@example.com")
    worker.add("goes", host_email="lena.brandt@example.com")

    report = worker.push()

    assert (report.counts["sent"], report.counts["rejected"]) == (1, 0)
    assert worker.delivery("waits")["status"] == "pending"
    assert worker.delivery("goes")["status"] == "sent"
    a_look, most_pages_read = 4, 3  # two readings of two pages
    assert looks(worker) <= a_look * most_pages_read + 1


@pytest.mark.parametrize("status", [HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE])
def test_a_gateway_that_refuses_a_later_page_refuses_no_host_and_no_look(
    worker: WorkerWithSandbox, status: HTTPStatus
) -> None:
    """It refuses no query: the row waits, and the doubtful create is looked up again."""
    for number in range(25):
        worker.sandbox.add_employee("Other", f"x{number}.ann@example.com", location_ids=[BERLIN])
    worker.sandbox.add_employee("Ann", "ann@example.com", location_ids=[BERLIN])
    crowd(worker, 21)
    doubt(worker, "drop_after_share", external_id="w", invitee_email="w@example.com")
    worker.add("waits", host_email="ann@example.com", expected_arrival_at=ARRIVAL.isoformat())
    switch(worker, page_cap=20)

    def refuse(_state: State) -> None:
        raise Refused(status, "not here")

    for kind in ("employees", "invites"):
        before_page(worker, kind, "2", refuse)

    worker.push()
    worker.make_looks_due()
    worker.reconcile()

    assert worker.delivery("waits")["status"] == "pending"
    assert worker.delivery("w")["next_attempt_at"] is not None
    worker.make_due()
    worker.make_looks_due()
    worker.push()
    assert worker.reconcile().counts["sent"] == 1
    assert host(worker, "waits") == "ann@example.com"
