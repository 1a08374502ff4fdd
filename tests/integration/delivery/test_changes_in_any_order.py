"""Without faults: Envoy comes to what the rows say, with no more calls than changes."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.delivery import judging
from tests.integration.delivery.conftest import MakeWorld
from tests.integration.delivery.happenings import CHANGES, MOST_VISITS
from tests.integration.delivery.scene import arrival
from tests.integration.delivery.world import World

# One visit after the other is written to, several times perhaps, and then there is a push.
WRITES = st.lists(st.tuples(st.integers(0, MOST_VISITS - 1), CHANGES), min_size=1, max_size=4)
ROUNDS = st.lists(WRITES, min_size=1, max_size=6)
CLEAN = ("DELETE FROM attempt", "DELETE FROM delivery", "DELETE FROM invite")


def write(world: World, key: str, columns: dict[str, Any]) -> None:
    """Insert the visit or change it, as a caller does who does not know whether it is there."""
    if world.rows(f"SELECT 1 FROM invite WHERE external_id = '{key}'"):  # noqa: S608
        assigned = ", ".join(f"{name} = :{name}" for name in columns)
        world.execute(f"UPDATE invite SET {assigned} WHERE external_id = :key", key=key, **columns)  # noqa: S608
    else:
        world.add(key, **{"expected_arrival_at": arrival(0), **columns})


def begin_anew(world: World) -> None:
    """Let there be nothing, neither here nor in Envoy."""
    for invite in world.sandbox.invites():
        world.sandbox.delete_invite(invite["id"])
    for statement in CLEAN:
        world.execute(statement)


def calls(world: World) -> int:
    """Return how many writes Envoy has received."""
    return len(world.sandbox.ledger()["attempts"])


def play(world: World, rounds: list[list[tuple[int, dict[str, Any]]]]) -> None:
    """Write and push in turn, and judge after each push."""
    for writes in rounds:
        before = calls(world)
        for number, columns in writes:
            write(world, f"v-{number}", columns)
        world.push()
        judging.envoy_has_what_is_wanted(world)
        touched = {number for number, _ in writes}
        assert calls(world) - before <= len(touched), "several changes before a push are one call"
        unsettled = "SELECT 1 FROM delivery WHERE status NOT IN ('sent', 'withdrawn')"
        assert not world.rows(unsettled)
    before = calls(world)
    world.push()
    assert calls(world) == before, "what Envoy has needs no call"


@pytest.fixture
def lasting(make_world: MakeWorld) -> World:
    """Give a connected world that serves all examples."""
    world = make_world()
    world.connect()
    return world


def test_changes_in_any_order_come_to_what_is_wanted(lasting: World) -> None:
    """Creates, changes of any column, withdrawals and returns, in any order between pushes."""

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(rounds=ROUNDS)
    def any_order(rounds: list[list[tuple[int, dict[str, Any]]]]) -> None:
        begin_anew(lasting)
        play(lasting, rounds)

    any_order()
