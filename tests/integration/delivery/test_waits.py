"""How often in a row an invite was deferred or interrupted, and what follows from it."""

import pytest

from tests.integration.delivery.conftest import MakeWorld
from tests.integration.delivery.doubting import doubt
from tests.integration.delivery.parties import FAR, PAST
from tests.integration.delivery.scene import CrashError
from tests.integration.delivery.world import World
from tests.waiting import wait_until
from worker.clock import boot_clock
from worker.connections.usable.host_outage import Outages
from worker.errors import OutcomeUnknown
from worker.failpoints import armed
from worker.invites import moves, store
from worker.sandbox import Faults

READING = '["locations.read", "flows.read", "invites.write", "invites.read", "token.refresh"]'


@pytest.fixture
def hasty_world(make_world: MakeWorld) -> World:
    """Give a world with an invite that is known to be in Envoy, where one look decides."""
    made = make_world(WORKER_ENVOY__SCOPES=READING, WORKER_RECONCILE__LOOK_UP_AFTER="[5]")
    made.connect()
    made.add("known")
    made.push()
    return made


def interrupt(world: World) -> None:
    """Let the process die right before it sends, and the next push find what it left."""

    def die() -> None:
        raise CrashError

    with armed("before_connect", action=die), pytest.raises(CrashError):
        world.push()
    world.execute("UPDATE delivery SET lease_until = :past WHERE status = 'sending'", past=PAST)
    world.push()


def test_three_interruptions_in_a_row_set_an_invite_aside(hasty_world: World) -> None:
    """It may be what ends the process: it was looked up each time, was not there, and goes out no more."""
    world = hasty_world
    world.add()
    seen = []
    for _ in range(3):
        interrupt(world)
        seen.append((world.delivery()["status"], world.delivery()["interruptions"]))
        world.look_to_the_end()

    assert seen == [("unknown", 1), ("unknown", 2), ("unknown", 3)]
    set_aside = world.delivery()
    assert (set_aside["status"], set_aside["error_code"]) == ("rejected", "interrupted_repeatedly")
    assert not world.push().did_something

    moves.retry(world.context.database, store.require(world.context.database, "acme/v-1"))
    assert world.delivery()["interruptions"] == 0
    assert world.push().counts["sent"] == 1, "a person has repaired what ended the process"


def test_what_ends_otherwise_begins_the_count_of_interruptions_anew(hasty_world: World) -> None:
    """A success does; a doubt of another kind leaves the count as it is, for nobody knows."""
    world = hasty_world
    world.add()
    interrupt(world)
    world.look_to_the_end()
    world.sandbox.set_faults(Faults(drop_before_share=1.0))
    world.push()
    doubtful = world.delivery()["interruptions"]
    world.sandbox.set_faults(Faults())
    world.make_due()
    world.look_to_the_end()
    again = world.delivery()["interruptions"]
    world.push()

    assert (doubtful, again) == (1, 1)
    assert (world.delivery()["status"], world.delivery()["interruptions"]) == ("sent", 0)


def test_an_interrupted_create_that_a_look_finds_begins_the_count_anew(hasty_world: World) -> None:
    """It was not the invite that ended the process: Envoy has it."""
    world = hasty_world
    doubt(world, "drop_after_share")
    world.execute("UPDATE delivery SET interruptions = 2 WHERE external_id = 'v-1'")
    world.look_to_the_end()

    assert (world.delivery()["status"], world.delivery()["interruptions"]) == ("sent", 0)


def test_each_deferral_in_a_row_makes_the_wait_longer_until_something_else_comes(
    make_world: MakeWorld,
) -> None:
    """From a second on it doubles; that it was deferred is counted, and a success forgets it."""
    world = make_world(WORKER_PUSH__BACKOFF_SECONDS="[1, 1000000000]")
    world.connect()
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b'")
    world.sandbox.set_faults(Faults(error_500_share=1.0))
    counted = []
    for _ in range(2):
        world.make_due()
        world.push()
        counted.append(world.delivery()["deferrals"])
    first = world.wait()
    world.execute("UPDATE delivery SET deferrals = 28")
    world.make_due()
    world.push()

    assert counted == [1, 2]
    assert first <= 2 + 1
    assert world.wait() > 4, "its ceiling is eight years, and jitter reaches all of it"
    world.sandbox.set_faults(Faults())
    world.make_due()
    world.push()
    assert (world.delivery()["status"], world.delivery()["deferrals"]) == ("sent", 0)


def test_a_request_that_does_not_fit_into_the_rest_of_its_lease_is_not_sent(make_world: MakeWorld) -> None:
    """A slow host: somebody else may take the row for abandoned, so that not one byte goes out."""
    world = make_world(WORKER_PUSH__REQUEST_TIMEOUT_SECONDS="1", WORKER_PUSH__LEASE_SECONDS="2.1")
    world.connect()
    world.add()

    def take_long() -> None:
        until = boot_clock() + 0.2
        wait_until(lambda: boot_clock() > until)

    with armed("before_connect", action=take_long):
        world.push()

    (line,) = world.attempts()
    assert (line["verdict"], line["error_code"]) == ("deferred", "lease_over")
    assert world.sandbox.ledger()["attempts"] == []
    assert (world.delivery()["status"], world.delivery()["attempts"]) == ("pending", 0)
    assert world.rows("SELECT hold_reason FROM connection") == [{"hold_reason": None}]
    assert world.push().counts["sent"] == 1


def test_a_row_that_is_not_ours_to_send_does_not_count_for_the_limit(world: World) -> None:
    """One is to be sent, and one is: the first has changed in the moment of its claim, so the next goes."""
    world.add("v-1")
    world.add("v-2")
    change = "UPDATE invite SET notes = 'x' WHERE external_id = 'v-1'"

    with armed("before_claim", action=lambda: world.execute(change)):
        assert world.push(limit=1).counts["sent"] == 1

    assert len(world.sandbox.invites()) == 1


def test_rows_of_a_connection_that_is_not_there_are_not_written_by_each_push(world: World) -> None:
    """Where there may be a hundred thousand of them, whatever their time; nobody could send them."""
    world.add("v-1", connection="nowhere")
    world.push()
    world.execute("UPDATE delivery SET next_attempt_at = :far", far=FAR)
    before = world.delivery()

    world.push()

    assert world.delivery() == before


def test_a_hold_further_ahead_than_any_hold_is_over(world: World) -> None:
    """A clock that was wrong does not keep a customer's invites away for years."""
    world.add()
    world.execute("UPDATE connection SET hold_reason = 'rate_limited', held_until = :far", far=FAR)

    assert world.push().counts["sent"] == 1


def test_an_outage_holds_no_connection_whose_grant_is_dead(world: World) -> None:
    """It would be shown as held, though only a new consent helps it; neither is one that was removed."""
    world.execute(
        "INSERT INTO connection (name, status, created_at, updated_at)"
        " SELECT 'dead', 'needs_authorisation', created_at, updated_at FROM connection"
    )
    gate = world.context.gate
    outages = Outages(world.context.database, gate.host, hold_seconds=(5, 900), rate_per_second=2)

    outages.hold(gate.seen(), OutcomeUnknown())

    held = "SELECT name, hold_reason FROM connection ORDER BY name"
    assert world.rows(held) == [
        {"name": "acme", "hold_reason": "outage"},
        {"name": "dead", "hold_reason": None},
    ]
