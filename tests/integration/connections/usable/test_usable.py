"""May a connection be used now: the stored answer, the condition in SQL and the rule in Python are one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.connections.worker_with_token_endpoint import START, WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.model import CONNECTIONS, HOSTS, Connection, Host
from worker.connections.states import ConnectionStatus, HoldReason, WaitReason
from worker.connections.usable.finding import Unusable, is_usable, reason_now, set_aside, why_not
from worker.connections.usable.holds import Holds
from worker.connections.usable.rules import HOLD_MAXIMUM
from worker.delivery.due import blocked_reasons, due_connections

HOST = "api.example"
NEVER = datetime.fromisoformat("9999-12-30T00:00:00+00:00")


def at(seconds: float | None) -> datetime | None:
    """Return the time so many seconds from the worker's."""
    return None if seconds is None else START + timedelta(seconds=seconds)


def insert(worker: WorkerWithTokenEndpoint, rows: Sequence[dict[str, Any]]) -> None:
    """Store connections of any kind, each with an invite that is due."""
    named = [{"name": f"c-{number}", **row} for number, row in enumerate(rows)]
    due = [
        {"connection": row["name"], "external_id": "v", "next_attempt_at": at(-1), "updated_at": at(-1)}
        for row in named
    ]
    with worker.database.write() as connection:
        worker_rows.add_connections(connection, named)
        worker_rows.add_deliveries(connection, due)


def stored(worker: WorkerWithTokenEndpoint) -> list[Connection]:
    """Return all connections as they are stored."""
    return store.connections(worker.database)


HOLDS: list[dict[str, Any]] = [
    {"hold_reason": reason, "held_until": at(until), "held_since": at(since)}
    for reason in HoldReason
    for until, since in [(None, None), *product((-1, 0, 1, 3600, 3661, 7200), (None, -10, 5, 6))]
]
WAITS: list[dict[str, Any]] = [
    {"waits_for": reason, "waits_until": at(until), "waits_since": at(since)}
    for reason, until, since in [
        (None, None, None), ("pace", None, None), (None, 60, None), ("cooling", 0, -10), ("pace", 60, 0),
        ("cooling", 60, 6), ("pace", 3661, None), ("cooling", 3600, 5), ("pace", 7200, 6),
    ]
]  # fmt: skip
NOT_HELD: dict[str, Any] = {"hold_reason": None, "held_until": None, "held_since": None}
COOL_DOWNS: list[dict[str, Any]] = [
    {"access_expires_at": at(over), "refresh_token_enc": token, "refresh_retry_at": at(until),
     "refresh_started_at": at(since)}
    for over, token, (until, since) in product(
        (None, -1, 0, 1), (None, "sealed"), ((None, None), (0, -10), (60, None), (60, 0), (60, 6), (3661, 0))
    )
]  # fmt: skip
HOSTS_AS_THEY_STAND = {
    "no host": None,
    "answers": Host(name=HOST, hold_count=0),
    "rests": Host(name=HOST, hold_count=2, held_until=at(30), held_since=at(0)),
    "may be asked": Host(name=HOST, hold_count=2, held_until=at(-1), held_since=at(-60)),
    "refuses": Host(name=HOST, hold_count=0, refused_until=at(30), refused_since=at(0)),
    "refused by a wrong clock": Host(name=HOST, hold_count=0, refused_until=at(30), refused_since=at(20)),
    "both": Host(
        name=HOST, hold_count=1, held_until=at(-1), refused_until=at(9), refused_since=at(0), refused_count=1
    ),
}


@pytest.mark.parametrize("standing", HOSTS_AS_THEY_STAND)
def test_the_condition_in_sql_is_the_rule_in_python(standing: str, worker: WorkerWithTokenEndpoint) -> None:
    """Whatever is stored of status, hold, wait, cool-down and host, the database picks what Python would."""
    host = HOSTS_AS_THEY_STAND[standing]
    active: dict[str, Any] = {"status": ConnectionStatus.ACTIVE}
    insert(
        worker,
        [
            NOT_HELD | WAITS[0] | COOL_DOWNS[0] | row
            for row in [
                *(active | hold | wait for hold, wait in product([NOT_HELD, *HOLDS], WAITS)),
                *(
                    active | hold | wait | cool
                    for hold, wait, cool in product(HOLDS[:2], WAITS[3:5], COOL_DOWNS)
                ),
                *(active | cool for cool in COOL_DOWNS),
                *({"status": ConnectionStatus.NEEDS_AUTHORISATION} | wait for wait in WAITS),
                *({"status": ConnectionStatus.REMOVED} | hold for hold in HOLDS[::10]),
            ]
        ],
    )
    if host is not None:
        row = host.model_dump(exclude={"usable_from", "unusable_reason"})
        worker_rows.add_host(worker_rows.At(worker.database), **row)

    name = None if host is None else HOST
    query = sa.select(
        CONNECTIONS.c.name,
        is_usable(worker.database, host=name).label("usable"),
        reason_now(worker.database, host=name).label("reason"),
    )
    with worker.database.read() as connection:
        by_the_database = {row.name: (bool(row.usable), row.reason) for row in connection.execute(query)}
    answers = {row.name: why_not(row, START, host) for row in stored(worker)}
    assert by_the_database == {
        name: (answer is None, None if answer is None else answer.reason) for name, answer in answers.items()
    }

    usable = {name for name, answer in answers.items() if answer is None}
    reasons = {answer.reason for answer in answers.values() if answer is not None}
    assert {due.name for due in due_connections(worker.database, host=name)} == usable
    assert blocked_reasons(worker.database, host=name) == reasons - {"removed"}


def test_what_is_stored_follows_whoever_writes(worker: WorkerWithTokenEndpoint) -> None:
    """A release that does not know of it writes status and hold, and the stored answer is right at once."""
    worker.connect()

    def answer() -> tuple[datetime | None, str | None]:
        return worker.row().usable_from, worker.row().unusable_reason

    assert answer() == (datetime.fromisoformat("1970-01-01T00:00:00+00:00"), None)
    worker.change(hold_reason="outage", held_until=at(60), held_since=at(0))
    assert answer() == (at(60), "outage")
    worker.change(waits_for="pace", waits_until=at(90), waits_since=at(0))
    assert answer() == (at(90), "pace")
    worker.change(hold_reason="paused", held_until=None)
    assert answer() == (NEVER, "paused")
    worker.change(status="needs_authorisation", hold_reason=None)
    assert answer() == (NEVER, "needs_authorisation")


def test_a_host_has_its_stored_answer_as_well(worker: WorkerWithTokenEndpoint) -> None:
    """Of an outage and of refusals that which lasts longer counts."""
    with worker.database.write() as connection:
        one = worker_rows.In(connection)
        worker_rows.add_host(one, HOST, hold_count=1, held_until=at(60), refused_count=0)
        query = sa.select(HOSTS.c.usable_from, HOSTS.c.unusable_reason)
        outage = connection.execute(query).one()
        worker_rows.set_hosts(one, refused_until=at(90))
        refused = connection.execute(query).one()
        worker_rows.set_hosts(one, refused_until=None, hold_count=0)
        answers = connection.execute(query).one()

    assert [tuple(outage), tuple(refused)] == [(at(60), "outage"), (at(90), "refuses_all")]
    assert answers.unusable_reason is None


def test_a_wait_is_no_hold(worker: WorkerWithTokenEndpoint) -> None:
    """What is set aside is not used until then, is shown as active, and is used again by itself."""
    number = worker.connect()

    set_aside(worker.database, number, WaitReason.PACE, 30)

    assert why_not(worker.row(), worker.clock()) == Unusable("pace", at(30))
    shown = store.view(worker.row(), worker.clock())
    assert (shown.status, shown.hold_reason) == (ConnectionStatus.ACTIVE, None)
    assert (shown.waits_for, shown.waits_until) == ("pace", at(30))
    worker.clock.advance(30)
    assert why_not(worker.row(), worker.clock()) is None
    assert store.view(worker.row(), worker.clock()).waits_for is None


def test_a_longer_wait_stays(worker: WorkerWithTokenEndpoint) -> None:
    """A second one that ends earlier changes nothing; one that ends later, or comes after it, does."""
    number = worker.connect()
    set_aside(worker.database, number, WaitReason.COOLING, 60)
    set_aside(worker.database, number, WaitReason.PACE, 10)
    assert why_not(worker.row(), worker.clock()) == Unusable("cooling", at(60))

    set_aside(worker.database, number, WaitReason.COOLING, 1e9)
    assert why_not(worker.row(), worker.clock()) == Unusable("cooling", at(HOLD_MAXIMUM))

    worker.clock.advance(HOLD_MAXIMUM)
    set_aside(worker.database, number, WaitReason.PACE, 10)
    assert why_not(worker.row(), worker.clock()) == Unusable("pace", at(HOLD_MAXIMUM + 10))


def test_a_new_token_an_operator_and_a_consent_end_a_wait(worker: WorkerWithTokenEndpoint) -> None:
    """What it waited for has come, or somebody says that it shall not wait."""
    number = worker.connect()

    set_aside(worker.database, number, WaitReason.COOLING, 60)
    worker.tokens().access(number, rejected_version=worker.row().token_version)
    assert why_not(worker.row(), worker.clock()) is None

    set_aside(worker.database, number, WaitReason.COOLING, 60)
    store.resume(worker.database, "acme")
    assert why_not(worker.row(), worker.clock()) is None

    set_aside(worker.database, number, WaitReason.PACE, 60)
    worker.connect()
    assert why_not(worker.row(), worker.clock()) is None


@pytest.mark.parametrize(("reason", "ends"), [("cooling", True), ("pace", False)])
def test_a_success_ends_a_wait_that_was_for_trouble(
    reason: str, ends: bool, sqlite_worker: WorkerWithTokenEndpoint
) -> None:
    """The pace goes on: others were sent before its next place, too."""
    number = sqlite_worker.connect()
    sqlite_worker.change(pace_per_second=1.0)
    set_aside(sqlite_worker.database, number, WaitReason(reason), 60)

    Holds(sqlite_worker.database, hold_seconds=(5, 900), rate_per_second=2).succeeded(number)

    assert (why_not(sqlite_worker.row(), sqlite_worker.clock()) is None) is ends


def test_a_hold_keeps_a_connection_that_also_waits(worker: WorkerWithTokenEndpoint) -> None:
    """The end of one of them is not the end of the other."""
    number = worker.connect()
    set_aside(worker.database, number, WaitReason.PACE, 20)
    worker.change(hold_reason="rate_limited", held_until=at(60), held_since=at(0))

    worker.clock.advance(30)

    assert why_not(worker.row(), worker.clock()) == Unusable("rate_limited", at(60))


@pytest.mark.parametrize("unusable", [20, 200])
def test_what_is_not_usable_costs_nothing(unusable: int, sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """However many have due rows and are not usable, SQLite takes as many steps to find the one that is."""
    kept = {"status": "active", "hold_reason": "outage", "held_until": at(60), "held_since": at(0)}
    free = {"status": "active", "hold_reason": None, "held_until": None, "held_since": None}
    insert(sqlite_worker, [*[kept] * unusable, free])
    steps: list[int] = []

    def count(raw: Any, *_: object) -> None:
        raw.set_progress_handler(lambda: steps.append(1), 10)

    sa.event.listen(sqlite_worker.database.engine, "checkout", count)
    found = due_connections(sqlite_worker.database, host=HOST)

    assert [due.name for due in found] == [f"c-{unusable}"]
    assert 0 < len(steps) < 60


def test_one_whose_refresh_rests_is_not_used_before_and_needs_no_wait_of_its_own(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Its last token is over: it waits for the cool-down's end, is shown so, and is due again by itself."""
    worker.connect()
    worker.change(refresh_retry_at=at(30), refresh_started_at=at(0), access_expires_at=at(10))

    assert why_not(worker.row(), worker.clock()) is None
    worker.clock.advance(10)
    shown = store.view(worker.row(), worker.clock())
    assert (shown.status, shown.waits_for, shown.waits_until) == ("active", "cooling", at(30))
    assert why_not(worker.row(), worker.clock()) == Unusable("cooling", at(30))
    worker.clock.advance(20)
    assert why_not(worker.row(), worker.clock()) is None
