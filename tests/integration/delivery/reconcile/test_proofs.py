"""That nothing was found counts only where an invite of the same location was found."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog

from tests.integration.delivery.doubtful_creates import ARRIVAL, doubt, names
from tests.integration.delivery.employee_look_ups import BERLIN, SINGAPORE
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.sandbox import Sandbox
from worker.sandbox.api import Answer, Call
from worker.sandbox.resources import ROUTES
from worker.sandbox.state import State
from worker.sandbox.values import Record

LIST = ("GET", "/v1/invites")
Altered = Callable[[Call, list[Record]], list[Record]]


@pytest.fixture
def worker(reading_worker: WorkerWithSandbox) -> Iterator[WorkerWithSandbox]:
    """Give a worker whose customer lets us read invites, with one that is known to be in Singapore."""
    reading_worker.add("known", location="Singapore", expected_arrival_at=ARRIVAL.isoformat())
    reading_worker.push()
    with structlog.testing.capture_logs():
        yield reading_worker


@pytest.fixture
def alter(sandbox: Sandbox) -> Callable[[Altered], None]:
    """Give what makes Envoy list invites in another way."""
    honest = ROUTES[LIST]

    def switch(altered: Altered) -> None:
        def handler(state: State, call: Call) -> Answer:
            content = honest.handler(state, call).content
            shown = altered(call, content["data"])
            return Answer({"data": shown, "meta": {"total": len(shown)}})

        sandbox.answer(LIST, handler)

    return switch


def without_berlin(call: Call, shown: list[Record]) -> list[Record]:
    """Show no invite of a location that the token may not see (any more)."""
    return [] if call.request.query.get("locationIds") == BERLIN else shown


def in_whatever_place(state: State) -> Altered:
    """Show all invites but Berlin's, whatever place is asked for."""
    return lambda _call, _shown: [
        held.data for held in state.invites.all() if held.data["locationId"] != BERLIN
    ]


def without_place(_call: Call, shown: list[Record]) -> list[Record]:
    """Say of no invite where it is."""
    return [{key: value for key, value in one.items() if key != "locationId"} for one in shown]


def without_id(_call: Call, shown: list[Record]) -> list[Record]:
    """Show what has no id."""
    return [{**one, "id": None} for one in shown]


def elsewhere(_call: Call, shown: list[Record]) -> list[Record]:
    """Say of each invite that it is in Singapore."""
    return [{**one, "locationId": SINGAPORE} for one in shown]


def outcome(worker: WorkerWithSandbox) -> tuple[Any, ...]:
    """Look to the end, and return how the doubtful create stands then, and how often Envoy has it."""
    worker.look_to_the_end()
    worker.push()
    row = worker.delivery()
    return row["status"], row["error_code"], len(names(worker))


def test_a_list_of_another_place_is_no_proof(
    worker: WorkerWithSandbox, alter: Callable[[Altered], None]
) -> None:
    """Singapore's invites are found and Berlin's are not shown: the create is not sent a second time."""
    doubt(worker, "drop_after_share")
    alter(without_berlin)

    assert outcome(worker) == ("unknown", "look_up_unproven", 1)


def test_a_list_that_shows_other_places_is_no_proof(
    worker: WorkerWithSandbox, alter: Callable[[Altered], None]
) -> None:
    """Nor where it does not say which place it shows: what was sent for a known one says where that is."""
    doubt(worker, "drop_after_share")
    others = in_whatever_place(worker.sandbox._state)
    for altered in (others, lambda call, shown: without_place(call, others(call, shown))):
        alter(altered)

        assert outcome(worker) == ("unknown", "look_up_unproven", 1)


def test_one_place_without_a_proof_keeps_no_other_from_being_looked_up(worker: WorkerWithSandbox) -> None:
    """The customer's first invite in Berlin waits for a second one; Singapore's is sent again at once."""
    doubt(worker, "drop_before_share")
    doubt(worker, "drop_before_share", external_id="there", location="Singapore", invitee_name="There")

    counts = worker.look_to_the_end()

    assert (counts["looked_up"], counts["pending"]) == (8, 1)
    assert (worker.delivery()["error_code"], worker.delivery("there")["status"]) == (
        "look_up_unproven",
        "pending",
    )


def test_an_invite_shown_without_its_place_proves_the_one_it_was_sent_to(
    worker: WorkerWithSandbox, alter: Callable[[Altered], None]
) -> None:
    """Envoy may leave the location out."""
    worker.add("here", expected_arrival_at=ARRIVAL.isoformat(), invitee_name="Here")
    worker.push()
    doubt(worker, "drop_before_share")
    alter(without_place)

    assert outcome(worker) == ("sent", None, 2)


def test_an_invite_that_is_shown_at_another_place_is_no_proof(
    worker: WorkerWithSandbox, alter: Callable[[Altered], None]
) -> None:
    """Somebody moved it in Envoy, or the list is of another place."""
    worker.add("here", expected_arrival_at=(ARRIVAL + timedelta(hours=1)).isoformat(), invitee_name="Here")
    worker.push()
    doubt(worker, "drop_after_share")
    alter(elsewhere)

    assert outcome(worker) == ("unknown", "look_up_unproven", 2)


def test_a_list_with_an_invite_that_has_no_id_is_none(
    worker: WorkerWithSandbox, alter: Callable[[Altered], None]
) -> None:
    """It may be the very one that is sought."""
    doubt(worker, "drop_after_share")
    alter(without_id)

    assert outcome(worker) == ("unknown", "connection_lost", 1)
    assert worker.delivery()["look_ups"] == 0
