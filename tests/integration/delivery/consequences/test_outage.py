"""Envoy is down: few invites in doubt, no attempt used up, one probe at a time, and all goes on by itself."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.conftest import MakeWorld
from tests.integration.delivery.recovery.test_recovery import DEAD
from tests.integration.delivery.world import World
from worker.clock import to_millisecond
from worker.connections import store
from worker.connections.usable.gate import Gate
from worker.connections.usable.host_outage import Outages
from worker.connections.vault import new_key
from worker.database.owner import this_process
from worker.errors import ExitCode, OutcomeUnknown
from worker.failpoints import armed
from worker.sandbox import Faults

SENDERS = 8
READS_OF_A_PROBE = 3
WITNESSES = 2  # of the two connections, both must have been asked with
PAST = "2020-01-01T00:00:00.000Z"
FAR = "2099-01-01T00:00:00.000Z"

OUTAGES: dict[str, Callable[[World], None]] = {
    "drop": lambda world: world.sandbox.set_faults(Faults(outage="drop")),
    "503": lambda world: world.sandbox.set_faults(Faults(outage="503")),
    "stopped": lambda world: world.sandbox.stop(),
}


def end_outage(world: World) -> None:
    """Let Envoy answer again, whatever the outage was."""
    world.sandbox.set_faults(Faults())
    world.sandbox.stop()
    world.sandbox.start()


def two_connections(world: World, rows: int) -> None:
    """Connect a second customer, and give both something to do."""
    world.execute("UPDATE connection SET name = 'other', company_id = 'x'")
    world.connect("acme")
    for number in range(rows):
        world.add(f"v-{number}")
        world.add(f"o-{number}", connection="other")


def store_outage(world: World, held_until: str, **columns: str) -> None:
    """Leave an outage behind as another process would."""
    held = {"name": world.context.gate.host, "hold_count": 1, "held_until": held_until, **columns}
    values = ", ".join(f":{name}" for name in held)
    world.execute(f"INSERT INTO host ({', '.join(held)}) VALUES ({values})", **held)  # noqa: S608
    world.execute("UPDATE connection SET hold_reason = 'outage', held_until = :until", until=held_until)


@pytest.mark.parametrize("kind", OUTAGES)
def test_an_outage_holds_all_connections_of_the_host_and_ends_by_itself(world: World, kind: str) -> None:
    """Two probes decide, one line tells, the rows wait without an attempt; then one probe releases all."""
    two_connections(world, 20)
    OUTAGES[kind](world)

    with capture_logs() as lines:
        report = world.push()

    held = [line for line in lines if line["event"] == "connection.held" and "host" in line]
    assert [(line["number"], line["error_code"]) for line in held] == [(2, "outage")]
    assert ExitCode.UNREACHABLE in report.troubles
    assert report.counts["unknown"] <= SENDERS
    views = store.views(world.context.database)
    assert {(view.status, view.hold_reason) for view in views} == {("held", "outage")}
    assert len({view.held_until for view in views}) == 1
    assert world.rows("SELECT DISTINCT hold_count FROM connection") == [{"hold_count": 0}]
    assert world.rows("SELECT DISTINCT attempts FROM delivery WHERE status = 'pending'") == [{"attempts": 0}]

    end_outage(world)
    assert not world.push().did_something, "the stored time has not come"
    world.let_holds_end()
    reads = world.reads()
    with capture_logs() as lines:
        world.push()

    released = [line for line in lines if line["event"] == "connection.released"]
    assert [line.get("number") for line in released] == [2]
    assert world.reads() == reads + 1
    assert len(world.sandbox.invites()) == 40 - report.counts["unknown"]
    assert world.sandbox.ledger()["duplicates"] == []
    assert world.rows("SELECT hold_count FROM host") == [{"hold_count": 0}]
    assert {view.status for view in store.views(world.context.database)} == {"active"}


def test_no_more_invites_come_into_doubt_than_were_in_flight_when_it_began(world: World) -> None:
    """The outage begins amid a drain; every sender may lose one answer, and claims nothing after it."""
    two_connections(world, 100)
    world.sandbox.set_faults(Faults(latency_seconds=0.02))
    with ThreadPoolExecutor(1) as pool:
        pushed = pool.submit(world.push)
        while len(world.sandbox.invites()) < 20:
            threading.Event().wait(0.005)
        world.sandbox.set_faults(Faults(outage="drop"))
        report = pushed.result()

    assert report.counts["sent"] >= 20
    assert report.counts["unknown"] <= SENDERS
    assert world.reads("dropped") == WITNESSES * READS_OF_A_PROBE


def test_a_second_failed_probe_holds_longer_and_costs_no_invite_anything(world: World) -> None:
    """While the host does not answer, each time that comes costs two probes and not one create."""
    two_connections(world, 20)
    world.sandbox.set_faults(Faults(outage="503"))
    world.push()
    world.let_holds_end()
    tried = len(world.attempts())

    report = world.push()

    assert ExitCode.UNREACHABLE in report.troubles
    assert len(world.attempts()) == tried
    assert world.reads("503") == 2 * WITNESSES * READS_OF_A_PROBE
    assert world.rows("SELECT hold_count FROM host") == [{"hold_count": 2}]
    assert {view.status for view in store.views(world.context.database)} == {"held"}


def test_of_two_processes_one_asks(make_world: MakeWorld) -> None:
    """When the stored time has come, the other one waits for what the first finds out."""
    key = new_key()
    first, second = (make_world(WORKER_ENCRYPTION_KEYS=key) for _ in range(2))
    first.connect()
    for number in range(20):
        first.add(f"v-{number}")
    first.sandbox.set_faults(Faults(outage="503"))
    first.push()
    first.let_holds_end()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda world: world.push(), (first, second)))
    assert first.reads("503") == 2 * READS_OF_A_PROBE

    end_outage(first)
    first.let_holds_end()
    assert second.push().counts["sent"] >= 12
    assert first.rows("SELECT hold_count FROM host") == [{"hold_count": 0}]


def test_a_claim_is_refused_while_the_host_is_known_to_be_out(world: World) -> None:
    """Rows that another process has read before are not sent behind the back of the one that asks."""
    world.add()

    def store_it() -> None:
        store_outage(world, PAST, probe_owner=this_process(), probe_until=soon(world))

    with armed("before_claim", action=store_it):
        world.push()

    assert world.attempts() == []
    assert world.rows("SELECT DISTINCT status FROM delivery") == [{"status": "pending"}]


def soon(world: World) -> str:
    """Return a time half a minute ahead."""
    return to_millisecond(world.context.database.read_now() + timedelta(seconds=30))


@pytest.mark.parametrize(("owner", "until"), [(DEAD, "soon"), ("elsewhere/1/2", FAR)], ids=["dead", "far"])
def test_a_right_to_ask_that_nobody_can_use_is_void(world: World, owner: str, until: str) -> None:
    """Its owner is dead, or it ends later than any such right can: a clock has jumped."""
    world.add()
    ends = soon(world) if until == "soon" else until
    store_outage(world, PAST, probe_owner=owner, probe_until=ends)

    assert world.push().counts["sent"] == 1


def test_one_strange_answer_costs_one_read_and_holds_nothing(world: World) -> None:
    """The probe is answered, so it was the invite's own trouble."""
    world.add()
    reads = world.reads()
    world.sandbox.set_faults(Faults(garbage_share=1.0))

    assert world.push().counts["unknown"] == 1
    assert world.reads() == reads + 1
    assert world.rows("SELECT * FROM host") == []
    assert world.rows("SELECT hold_reason FROM connection") == [{"hold_reason": None}]


def test_an_update_in_an_outage_counts_no_attempt(world: World) -> None:
    """Its answer is lost with all others; afterwards it is repeated."""
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b'")
    world.sandbox.set_faults(Faults(outage="drop"))

    world.push()
    assert world.delivery()["attempts"] == 1
    assert world.delivery()["status"] == "pending"

    end_outage(world)
    world.make_due()
    assert world.push().counts["updated"] == 1


def test_resuming_a_connection_asks_the_host_at_once(world: World) -> None:
    """An operator who knows that Envoy is back need not wait for the stored time."""
    world.add()
    store_outage(world, soon(world))
    store.resume(world.context.database, "acme")

    assert world.push().counts["sent"] == 1


def test_no_token_is_refreshed_while_the_host_is_held(world: World) -> None:
    """A refresh token that is posted into an outage may be lost with the answer."""
    world.add()
    store_outage(world, soon(world))
    world.execute("UPDATE connection SET hold_reason = 'rate_limited', access_expires_at = access_issued_at")

    report = world.push()

    assert world.sandbox.ledger()["refreshes"] == 0
    assert ExitCode.TRY_LATER in report.troubles


@pytest.mark.parametrize("before", [0, 1])
def test_a_process_that_is_to_end_declares_no_outage(world: World, before: int) -> None:
    """Its probe is cut short, and says nothing about the host; another process may ask at once."""
    stop = threading.Event()
    outages = Outages(
        world.context.database, world.context.gate.host, hold_seconds=(5, 900), rate_per_second=2
    )
    if before:
        store_outage(world, PAST)

    def cut_short(_token: str) -> None:
        stop.set()
        raise OutcomeUnknown

    gate = Gate(outages, world.context.holds, cut_short, stop)
    gate.note(OutcomeUnknown())
    with pytest.raises(OutcomeUnknown):
        gate.require(1, lambda: "token")

    host, _ = outages.look()
    assert (host.hold_count, host.probe_owner) == (before, None)


def test_a_throttled_connection_comes_back_at_half_its_pace_and_gains_speed(make_world: MakeWorld) -> None:
    """The hold ends at the time that Envoy named; each success told raises the pace."""
    world = make_world(WORKER_PUSH__RATE_PER_SECOND="40")
    world.connect()
    for number in range(30):
        world.add(f"v-{number}")
    world.sandbox.set_faults(Faults(error_429_share=1.0, retry_after="120"))
    world.push()
    assert world.rows("SELECT pace_per_second, hold_reason FROM connection") == [
        {"pace_per_second": 20.0, "hold_reason": "rate_limited"}
    ]

    world.sandbox.set_faults(Faults())
    world.let_holds_end()
    world.push()

    assert len(world.sandbox.invites()) == 30
    (pace,) = (row["pace_per_second"] for row in world.rows("SELECT pace_per_second FROM connection"))
    assert 20.0 < pace < 40.0
