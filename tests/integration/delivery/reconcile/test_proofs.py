"""That nothing was found counts only where an invite of the same location was found."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog

from tests.integration.delivery.doubting import ARRIVAL, doubt, names
from tests.integration.delivery.hosting import BERLIN, SINGAPORE
from tests.integration.delivery.world import World
from worker.sandbox import Sandbox
from worker.sandbox.api import Answer, Call
from worker.sandbox.resources import ROUTES
from worker.sandbox.state import State
from worker.sandbox.values import Record

LIST = ("GET", "/v1/invites")
Altered = Callable[[Call, list[Record]], list[Record]]


@pytest.fixture
def world(reading_world: World) -> Iterator[World]:
    """Give a world whose customer lets us read invites, with one that is known to be in Singapore."""
    reading_world.add("known", location="Singapore", expected_arrival_at=ARRIVAL.isoformat())
    reading_world.push()
    with structlog.testing.capture_logs():
        yield reading_world


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


def outcome(world: World) -> tuple[Any, ...]:
    """Look to the end, and return how the doubtful create stands then, and how often Envoy has it."""
    world.look_to_the_end()
    world.push()
    row = world.delivery()
    return row["status"], row["error_code"], len(names(world))


def test_a_list_of_another_place_is_no_proof(world: World, alter: Callable[[Altered], None]) -> None:
    """Singapore's invites are found and Berlin's are not shown: the create is not sent a second time."""
    doubt(world, "drop_after_share")
    alter(without_berlin)

    assert outcome(world) == ("unknown", "look_up_unproven", 1)


def test_a_list_that_shows_other_places_is_no_proof(world: World, alter: Callable[[Altered], None]) -> None:
    """Nor where it does not say which place it shows: what was sent for a known one says where that is."""
    doubt(world, "drop_after_share")
    others = in_whatever_place(world.sandbox._state)
    for altered in (others, lambda call, shown: without_place(call, others(call, shown))):
        alter(altered)

        assert outcome(world) == ("unknown", "look_up_unproven", 1)


def test_one_place_without_a_proof_keeps_no_other_from_being_looked_up(world: World) -> None:
    """The customer's first invite in Berlin waits for a second one; Singapore's is sent again at once."""
    doubt(world, "drop_before_share")
    doubt(world, "drop_before_share", external_id="there", location="Singapore", invitee_name="There")

    counts = world.look_to_the_end()

    assert (counts["looked_up"], counts["pending"]) == (8, 1)
    assert (world.delivery()["error_code"], world.delivery("there")["status"]) == (
        "look_up_unproven",
        "pending",
    )


def test_an_invite_shown_without_its_place_proves_the_one_it_was_sent_to(
    world: World, alter: Callable[[Altered], None]
) -> None:
    """Envoy may leave the location out."""
    world.add("here", expected_arrival_at=ARRIVAL.isoformat(), invitee_name="Here")
    world.push()
    doubt(world, "drop_before_share")
    alter(without_place)

    assert outcome(world) == ("sent", None, 2)


def test_an_invite_that_is_shown_at_another_place_is_no_proof(
    world: World, alter: Callable[[Altered], None]
) -> None:
    """Somebody moved it in Envoy, or the list is of another place."""
    world.add("here", expected_arrival_at=(ARRIVAL + timedelta(hours=1)).isoformat(), invitee_name="Here")
    world.push()
    doubt(world, "drop_after_share")
    alter(elsewhere)

    assert outcome(world) == ("unknown", "look_up_unproven", 2)


def test_a_list_with_an_invite_that_has_no_id_is_none(world: World, alter: Callable[[Altered], None]) -> None:
    """It may be the very one that is sought."""
    doubt(world, "drop_after_share")
    alter(without_id)

    assert outcome(world) == ("unknown", "connection_lost", 1)
    assert world.delivery()["look_ups"] == 0
