"""Every conditional UPDATE of a connection or host, with somebody else there first: the second one sees it.

The first party has looked, and decided on what it saw; before its statement takes effect the other acts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from tests.interleaving import overtaken, stored
from worker.connections import store
from worker.connections.model import HOSTS
from worker.connections.tokens.refresh.lease import Leases
from worker.connections.usable.holds import Holds
from worker.connections.usable.host_outage import PROBE_SECONDS, Outages
from worker.errors import NeedsAuthorisation, OutcomeUnknown

Act = Callable[[], object]
THEIRS = "another-host/77/1"
TABLES = ("connection", "host")


def leases(worker: WorkerWithTokenEndpoint) -> Leases:
    """Return the leases of one process."""
    return Leases(worker.database, worker.vault, owner="host/1/2", seconds=90)


def holds(worker: WorkerWithTokenEndpoint) -> Holds:
    """Return the holds of one process."""
    return Holds(worker.database, hold_seconds=(5.0, 900.0), rate_per_second=2.0)


def outages(worker: WorkerWithTokenEndpoint) -> Outages:
    """Return how one process sees a host."""
    return Outages(worker.database, "envoy.example", hold_seconds=(5.0, 900.0), rate_per_second=2.0)


def be_out(worker: WorkerWithTokenEndpoint, count: int = 1, **columns: object) -> None:
    """Let the host have been out; its next probe is due."""
    past = worker.clock() - timedelta(seconds=1)
    row = {"name": "envoy.example", "hold_count": count, "held_until": past, **columns}
    with worker.database.write() as connection:
        connection.execute(HOSTS.delete())
        connection.execute(HOSTS.insert().values(row))


def write(worker: WorkerWithTokenEndpoint, **columns: object) -> None:
    """Write columns of the host, as another process does."""
    with worker.database.write() as connection:
        connection.execute(HOSTS.update().values(columns))


def taking(worker: WorkerWithTokenEndpoint) -> Act:
    """Take the lease of a connection, to refresh its token."""
    row, now = worker.row(), worker.clock()
    return lambda: leases(worker).take(row, now)


def giving_back(worker: WorkerWithTokenEndpoint) -> Act:
    """Give a lease back after a refresh that failed."""
    lease = leases(worker).take(worker.row(), worker.clock())
    assert lease is not None
    return lambda: leases(worker).give_back(lease, answered=True, refresh_error="http_500")


def probing(worker: WorkerWithTokenEndpoint) -> Act:
    """Take the right to ask a host that was out."""
    be_out(worker)
    seen, _ = outages(worker).look()
    return lambda: outages(worker).take_probe(seen)


def returning(worker: WorkerWithTokenEndpoint) -> Act:
    """Give the right to ask back, without a verdict."""
    be_out(worker)
    seen, _ = outages(worker).look()
    assert outages(worker).take_probe(seen)
    return lambda: outages(worker).give_back(seen)


def holding(worker: WorkerWithTokenEndpoint) -> Act:
    """Hold a host that did not answer once more."""
    be_out(worker)
    seen, _ = outages(worker).look()
    return lambda: outages(worker).hold(seen, OutcomeUnknown())


def holding_first(worker: WorkerWithTokenEndpoint) -> Act:
    """Hold a host that has always answered."""
    seen, _ = outages(worker).look()
    return lambda: outages(worker).hold(seen, OutcomeUnknown())


def ending(worker: WorkerWithTokenEndpoint) -> Act:
    """End an outage, since the host answers."""
    be_out(worker)
    seen, _ = outages(worker).look()
    return lambda: outages(worker).end(seen)


def having_met(worker: WorkerWithTokenEndpoint) -> Act:
    """Hold a connection for a 429."""
    return lambda: holds(worker).outage(number(worker))


def number(worker: WorkerWithTokenEndpoint) -> int:
    """Return the connection's id."""
    found = worker.row().id
    assert found is not None
    return found


def held_by_another(worker: WorkerWithTokenEndpoint) -> None:
    """Let another process find the host out once more."""
    seen, _ = outages(worker).look()
    outages(worker).hold(seen, OutcomeUnknown())


def asked_by_another(worker: WorkerWithTokenEndpoint) -> None:
    """Let another process have the right to ask."""
    write(worker, probe_owner=THEIRS, probe_until=worker.clock() + timedelta(seconds=30))


def held_anew(worker: WorkerWithTokenEndpoint) -> None:
    """Let the outage have ended, and another have begun, which is the first again."""
    write(worker, hold_count=1, held_until=worker.clock() + timedelta(seconds=7), probe_owner=None)


def held_as_long(worker: WorkerWithTokenEndpoint) -> None:
    """Let another process have found the host out once more, until what happens to be the same time."""
    seen, _ = outages(worker).look()
    write(worker, hold_count=seen.hold_count + 1)


def ended_by_another(worker: WorkerWithTokenEndpoint) -> None:
    """Let another process find that the host answers."""
    seen, _ = outages(worker).look()
    outages(worker).end(seen)


@dataclass(frozen=True)
class Case:
    """What the first party does, what the second does in between, and what the first is told."""

    first: Callable[[WorkerWithTokenEndpoint], Act]
    second: Callable[[WorkerWithTokenEndpoint], object]
    sees: object
    at: str = "host"


def a_lease(second: Callable[[WorkerWithTokenEndpoint], object]) -> Case:
    """Return the case of a lease that is not to be had."""
    return Case(taking, second, None, at="connection")


CASES = {
    "a lease: another has it": a_lease(lambda worker: worker.change(lease_owner=THEIRS)),
    "a lease: the connection was removed": a_lease(lambda worker: store.remove(worker.database, "acme")),
    "a lease: the grant has ended": a_lease(lambda worker: worker.change(status="needs_authorisation")),
    "a lease: the token has a successor": a_lease(lambda worker: worker.change(token_version=2)),
    "a lease: another's refresh has just failed": a_lease(
        lambda worker: worker.change(refresh_retry_at=worker.clock() + timedelta(seconds=9))
    ),
    "a lease given back: another has it": Case(
        giving_back, lambda worker: worker.change(lease_owner=THEIRS), False, at="connection"
    ),
    "a lease given back: the token has a successor": Case(
        giving_back, lambda worker: worker.change(token_version=2), False, at="connection"
    ),
    "the right to ask: another has it": Case(probing, asked_by_another, False),
    "the right to ask: the host answers": Case(probing, ended_by_another, False),
    "the right to ask: it was asked, in vain": Case(probing, held_by_another, False),
    "the right to ask: it is out again": Case(probing, held_anew, False),
    "the right to ask: it is out once more, until the same time": Case(probing, held_as_long, False),
    "the right given back: another has it by now": Case(returning, asked_by_another, None),
    "the right given back: it is out again": Case(returning, held_anew, None),
    "an outage goes on: another has said so": Case(holding, held_by_another, None),
    "an outage goes on: it has ended": Case(holding, ended_by_another, None),
    "an outage goes on: it is out again": Case(holding, held_anew, None),
    "an outage begins: another has said so": Case(holding_first, held_by_another, None),
    "an outage ends: it goes on": Case(ending, held_by_another, None),
    "an outage ends: another has said so": Case(ending, ended_by_another, None),
    "an outage ends: it is out again": Case(ending, held_anew, None),
    "an outage ends: it goes on until the same time": Case(ending, held_as_long, None),
    "a hold: it is held by now": Case(
        having_met, lambda worker: holds(worker).throttled(number(worker), 60), None, at="connection"
    ),
    "a hold: it is paused by now": Case(
        having_met, lambda worker: store.pause(worker.database, "acme"), None, at="connection"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_whoever_comes_second_changes_nothing_and_is_told(
    worker: WorkerWithTokenEndpoint, case: Case
) -> None:
    """What the first party saw is not so any more; its UPDATE finds nothing, and it emits nothing."""
    worker.connect()
    act = case.first(worker)
    left: dict[str, object] = {}
    emitted = []

    def in_between() -> None:
        case.second(worker)
        left.update(stored(worker.database, TABLES))
        emitted.extend(events)

    with capture_logs() as events, overtaken(worker.database, in_between, at=case.at):
        sees = act()

    assert sees == case.sees
    assert stored(worker.database, TABLES) == left
    assert events == emitted


@pytest.mark.parametrize(
    ("seconds", "free"),
    [(-1, True), (30, False), (PROBE_SECONDS + 61, True)],
    ids=["over", "in force", "longer than any"],
)
def test_a_right_to_ask_is_free_when_it_is_over_though_its_owner_lives(
    worker: WorkerWithTokenEndpoint, seconds: float, *, free: bool
) -> None:
    """A process of another host cannot be seen; only the end of its right counts, and no clock's mistake."""
    worker.connect()
    be_out(worker, probe_owner=THEIRS, probe_until=worker.clock() + timedelta(seconds=seconds))
    seen, _ = outages(worker).look()

    assert outages(worker).take_probe(seen) is free


def test_a_token_is_not_posted_where_the_connection_was_removed_in_between(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Between the look and the lease an operator has removed it, and its tokens are wiped."""
    worker.connect()
    in_between = overtaken(worker.database, lambda: store.remove(worker.database, "acme"), at="connection")

    with in_between, pytest.raises(NeedsAuthorisation):
        worker.tokens().access(number(worker), rejected_version=1)

    assert worker.endpoint.posted == []
    assert (worker.row().status, worker.row().lease_owner) == ("removed", None)
