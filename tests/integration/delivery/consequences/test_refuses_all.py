"""Envoy refuses every row of every customer in the same way: that is no row's fault."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.conftest import ALL_SCOPES, MakeWorld
from tests.integration.delivery.doubting import ARRIVAL
from tests.integration.delivery.world import PAST, World
from worker.clock import boot_clock
from worker.connections import store
from worker.connections.usable import resuming
from worker.connections.usable.refusing import Refusing
from worker.delivery.consequences.refused_alike import Alike
from worker.delivery.plan import Call
from worker.delivery.prepare.due_page import due_page
from worker.delivery.store.claims import Claims, Lease
from worker.errors import ExitCode
from worker.invites import Kind
from worker.sandbox import Faults, Sandbox

NAMES = ("acme", "beta", "gamma")
ROWS = 7
REFUSED = Faults(refuse_status=422, refuse_message="visit {n} is not valid")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox of three companies."""
    with Sandbox(port=0, scopes=ALL_SCOPES, companies=len(NAMES)) as running:
        yield running


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Give a world of three customers."""
    made = make_world()
    for number, name in enumerate(NAMES):
        made.connect(name, company_id=str(10000 + number))
    return made


def add_rows(world: World, *, number: int = ROWS, names: tuple[str, ...] = NAMES) -> None:
    """Give each of the customers so many visits."""
    for name in names:
        for one in range(number):
            arrival = (ARRIVAL + timedelta(days=one)).isoformat()
            world.add(f"{name}-{one}", connection=name, expected_arrival_at=arrival)


def statuses(world: World) -> dict[str, int]:
    """Return how many rows stand how."""
    rows = world.rows("SELECT status, count(*) AS number FROM delivery GROUP BY status")
    return {row["status"]: row["number"] for row in rows}


def reasons(world: World) -> set[str | None]:
    """Return what the connections are held for."""
    return {view.hold_reason for view in store.views(world.context.database)}


def refuse_all(world: World) -> None:
    """Let Envoy refuse all rows alike."""
    add_rows(world)
    world.sandbox.set_faults(REFUSED)
    world.push()
    assert statuses(world) == {"pending": 21}
    assert reasons(world) == {"refuses_all"}


def trials(world: World) -> int:
    """Return how many creates Envoy has met."""
    return sum(world.sandbox.ledger()["by_route"]["POST /v1/invites"].values())


def test_what_everyone_is_refused_for_rejects_nobody(world: World) -> None:
    """The rejections are taken back, no attempt is counted, and an operator is told once."""
    add_rows(world)
    world.sandbox.set_faults(REFUSED)

    with capture_logs() as logs:
        report = world.push()

    assert statuses(world) == {"pending": 21}
    assert {row["attempts"] for row in world.rows("SELECT attempts FROM delivery")} == {0}
    assert reasons(world) == {"refuses_all"}
    assert (report.counts["rejected"], report.counts["deferred"]) == (0, 21)
    assert report.troubles == {ExitCode.TRY_LATER}
    (event,) = (log for log in logs if log["event"] == "connection.held")
    assert (event["log_level"], event["error_code"], event["http_status"], event["number"]) == (
        "error", "refuses_all", 422, 3,
    )  # fmt: skip
    assert "connections resume --all" in event["hint"]


def test_one_request_at_a_time_is_the_trial(world: World) -> None:
    """Nothing goes out before the stored time, then one create, and the wait is longer."""
    refuse_all(world)
    before = trials(world)

    assert not world.push().counts["deferred"]
    assert trials(world) == before, "the time has not come"
    for number in (1, 2):
        world.let_holds_end()
        with capture_logs() as logs:
            report = world.push()
        assert "invite.rejected" not in {log["event"] for log in logs}
        assert trials(world) == before + number
        assert ExitCode.TRY_LATER in report.troubles
        assert statuses(world) == {"pending": 21}
    assert world.rows("SELECT refused_count FROM host") == [{"refused_count": 3}]


def test_a_trial_that_goes_through_releases_everyone(world: World) -> None:
    """In the same run; and all is sent once."""
    refuse_all(world)
    world.sandbox.set_faults(Faults())
    world.let_holds_end()

    for _ in range(2):
        world.make_due()
        world.push()

    assert statuses(world) == {"sent": 21}
    assert reasons(world) == {None}
    assert world.rows("SELECT refused_until, refusal FROM host") == [{"refused_until": None, "refusal": None}]
    assert world.sandbox.ledger()["duplicates"] == []


def test_an_operator_ends_it(world: World) -> None:
    """For all connections but those that were paused; what was refused before does not count again."""
    refuse_all(world)
    store.pause(world.context.database, "gamma")

    assert resuming.resume_all(world.context.database) == ["acme", "beta"]

    assert reasons(world) == {None, "paused"}
    world.push(limit=10)
    assert statuses(world)["rejected"] == 10
    assert reasons(world) == {None, "paused"}


def test_who_was_held_for_something_else_waits_with_the_others(world: World) -> None:
    """Its own hold is over, and nobody has resumed it: what holds the host holds it, too."""
    refuse_all(world)
    before = trials(world)
    held = "UPDATE connection SET hold_reason = 'outage', held_until = :past WHERE name = 'beta'"
    world.execute(held, past=PAST)

    report = world.push()

    assert trials(world) == before
    assert ExitCode.TRY_LATER in report.troubles


def test_a_connection_that_is_resumed_alone_is_the_next_trial(world: World) -> None:
    """It does not wait for the stored time; the others do."""
    refuse_all(world)
    before = trials(world)
    store.resume(world.context.database, "beta")

    world.push()

    assert trials(world) == before + 1
    assert reasons(world) == {"refuses_all"}


def test_few_customers_few_rows_or_a_success_between_show_that_it_is_the_rows(world: World) -> None:
    """Forty rows of two customers may all be wrong, and so may eighteen of three since the last success."""
    world.execute("INSERT INTO host (name) VALUES (:name)", name=world.context.gate.host)
    add_rows(world, number=20)
    world.sandbox.set_faults(replace(REFUSED, refuse_companies="10000, 10001"))
    world.push()
    world.add("last", connection="gamma")
    world.push()
    assert statuses(world) == {"rejected": 40, "sent": 21}

    world.sandbox.set_faults(REFUSED)
    for key in (f"{name}-{one}" for name in NAMES for one in range(6)):
        world.execute("UPDATE invite SET notes = 'b' WHERE external_id = :key", key=key)
    world.push()

    assert statuses(world)["rejected"] == 40 + 6
    assert reasons(world) == {None}


def test_rows_that_envoy_refuses_in_different_words_are_rejected(world: World) -> None:
    """Two reasons are no common one."""
    add_rows(world, number=10, names=("acme",))
    world.sandbox.set_faults(REFUSED)
    world.push()
    add_rows(world, number=10, names=("beta", "gamma"))
    world.sandbox.set_faults(Faults(refuse_status=400, refuse_message="no"))

    world.push()

    assert statuses(world) == {"rejected": 30}


def test_a_row_with_a_fault_of_its_own_is_rejected_by_its_trial(world: World) -> None:
    """Envoy's words are others; the next trial takes another row."""
    refuse_all(world)
    world.sandbox.set_faults(Faults(refuse_status=400, refuse_message="no such thing"))
    world.let_holds_end()

    world.push()

    assert statuses(world) == {"pending": 20, "rejected": 1}
    assert reasons(world) == {"refuses_all"}


def test_what_an_update_empties_is_emptied_once_everyone_is_heard_again(world: World) -> None:
    """That it was refused as all the rest says nothing about its clears; no row is told as not cleared."""
    for name in NAMES:
        for one in range(10):
            day = (ARRIVAL + timedelta(days=one)).isoformat()
            world.add(f"{name}-{one}", connection=name, expected_arrival_at=day, notes="a")
    world.push()
    world.sandbox.set_faults(REFUSED)
    world.execute("UPDATE invite SET notes = NULL")
    world.push()
    assert statuses(world) == {"pending": 30}
    world.let_holds_end()
    world.push()
    world.sandbox.set_faults(Faults())

    for _ in range(2):
        world.let_holds_end()
        world.make_due()
        world.push()

    assert {one["notes"] for one in world.sandbox.invites()} == {None}
    assert world.rows("SELECT DISTINCT status, error_code FROM delivery") == [
        {"status": "sent", "error_code": None}
    ]


def test_one_process_at_a_time_tries(world: World) -> None:
    """Of two that saw the same, the second is refused; and what is in flight elsewhere stays unclaimed."""
    refuse_all(world)
    world.let_holds_end()
    context = world.context
    refusing = Refusing(context.database, context.gate.host, hold_seconds=(5, 900))
    seen = context.gate.seen()

    assert [refusing.take_trial(seen) for _ in range(2)] == [True, False]
    assert reasons(world) == {"refuses_all"}


def test_a_refusal_that_was_on_its_way_is_taken_back_too(world: World) -> None:
    """It was refused like all the others, and stored when they had been taken back already."""
    refuse_all(world)
    world.execute("UPDATE delivery SET status = 'rejected' WHERE external_id = 'acme-0'")
    (host,) = world.rows("SELECT refusal FROM host")
    refusing = Refusing(world.context.database, world.context.gate.host, hold_seconds=(5, 900))

    assert Alike(world.context.database, refusing).examine(host["refusal"]) == 1

    assert statuses(world) == {"pending": 21}


def test_rejections_whose_process_died_before_it_compared_them_are_taken_back(world: World) -> None:
    """The verdicts are in the ledger: the next run finds what the last one came to see no more."""
    refuse_all(world)
    world.execute("UPDATE host SET refused_until = NULL, refused_count = 0, refusal = NULL")
    world.execute("UPDATE connection SET hold_reason = NULL, held_until = NULL")
    world.execute("UPDATE delivery SET status = 'rejected'")
    before = trials(world)

    world.push()

    assert (statuses(world), reasons(world)) == ({"pending": 21}, {"refuses_all"})
    assert trials(world) == before


def test_nothing_but_a_trial_is_claimed_meanwhile(world: World) -> None:
    """A worker that had read its rows before learns of it at the claim."""
    refuse_all(world)
    world.execute("UPDATE connection SET hold_reason = NULL, held_until = NULL")
    context = world.context
    claims = Claims(
        context.database,
        context.journal,
        host=context.gate.host,
        lease=Lease(60, 15),
        run_id="run",
        clock=boot_clock,
    )
    row = due_page(context.database, "acme", after=None, until=context.database.read_now(), size=1).rows[0]

    assert claims.take(row, Call(Kind.CREATE), "a-1") is None
    assert claims.take(row, Call(Kind.CREATE), "a-2", trial=True) is not None
