"""Whose failed probe says that Envoy's host is out, and how that is told."""

import threading

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.connections.model import Host
from worker.connections.usable.gate import Gate
from worker.connections.usable.host_outage import Outages
from worker.errors import EnvoyError, Misdirected, NotSent, OutcomeUnknown, TryLater

PAST = "2020-01-01T00:00:00.000Z"
ACME, OTHER = 1, 2


class Asked:
    """A gate whose probes fail for the connections that a test names."""

    def __init__(self, worker: WorkerWithSandbox) -> None:
        """Make the gate; everyone is answered."""
        self.outages = Outages(
            worker.context.database, worker.context.gate.host, hold_seconds=(5, 900), rate_per_second=2
        )
        self.gate = Gate(self.outages, worker.context.holds, self._probe, threading.Event())
        self.failing: dict[int, EnvoyError] = {}

    def _probe(self, token: str) -> None:
        if error := self.failing.get(int(token)):
            raise error

    def ask(self, connection_id: int) -> type[Exception] | None:
        """Require an answer with a connection's token, and return what it met instead."""
        try:
            self.gate.require_seen(self.gate.seen(), connection_id, lambda: str(connection_id))
        except (EnvoyError, TryLater) as error:
            return type(error)
        return None

    def host(self) -> Host:
        """Return how the host stands."""
        return self.outages.look()[0]


@pytest.fixture
def asked(worker: WorkerWithSandbox) -> Asked:
    """Give a gate before a host that somebody has a doubt about, and a second connection."""
    worker_rows.add_connection_like_it(worker, "other", company_id="x")
    made = Asked(worker)
    made.gate.note(OutcomeUnknown())
    return made


def let_the_time_come(worker: WorkerWithSandbox) -> None:
    """Leave a host behind that was out, and is to be asked again."""
    worker_rows.add_host(worker, worker.context.gate.host, hold_count=3, held_until=PAST)
    worker_rows.hold(worker, "outage", PAST)


def held(worker: WorkerWithSandbox) -> dict[str, tuple[str | None, int]]:
    """Return the hold of each connection."""
    rows = worker.rows("SELECT name, hold_reason, hold_count FROM connection")
    return {row["name"]: (row["hold_reason"], row["hold_count"]) for row in rows}


def test_one_failed_probe_holds_one_and_the_next_answer_clears_the_host(
    worker: WorkerWithSandbox, asked: Asked
) -> None:
    """Until then nobody goes on, and the one that failed does not ask again."""
    asked.failing = {ACME: OutcomeUnknown()}

    assert asked.ask(ACME) is OutcomeUnknown
    assert asked.ask(ACME) is TryLater
    assert held(worker) == {"acme": ("outage", 1), "other": (None, 0)}
    assert asked.ask(OTHER) is None
    assert asked.ask(ACME) is None, "the gate is open again; its own hold keeps it back"
    assert asked.host().hold_count == 0


def test_the_failures_of_one_are_no_two_witnesses(worker: WorkerWithSandbox, asked: Asked) -> None:
    """However often its hold ends and its probe fails, the host is not out; its holds grow."""
    asked.failing = {ACME: OutcomeUnknown()}
    for count in (1, 2, 3):
        assert asked.ask(ACME) is OutcomeUnknown
        assert held(worker)["acme"] == ("outage", count)
        worker.let_holds_end()
    assert asked.host().hold_count == 0


def test_a_second_failed_probe_holds_the_host_and_the_first_along_with_it(
    worker: WorkerWithSandbox, asked: Asked
) -> None:
    """The first one's own hold was the host's: it does not count, and ends with it."""
    asked.failing = {ACME: OutcomeUnknown(), OTHER: OutcomeUnknown()}

    assert [asked.ask(ACME), asked.ask(OTHER)] == [OutcomeUnknown, OutcomeUnknown]
    assert asked.host().hold_count == 1
    assert held(worker) == {"acme": ("outage", 0), "other": ("outage", 0)}
    assert len(worker.rows("SELECT DISTINCT held_until FROM connection")) == 1
    assert worker.rows("SELECT DISTINCT pace_per_second FROM connection") == [{"pace_per_second": 1.0}]


def test_a_lone_connections_failed_probe_holds_the_host(worker: WorkerWithSandbox, asked: Asked) -> None:
    """There is nobody else to ask with: the others are paused or gone."""
    worker_rows.pause(worker, "other")
    asked.failing = {ACME: OutcomeUnknown()}

    assert asked.ask(ACME) is OutcomeUnknown
    assert asked.host().hold_count == 1


def test_one_failed_probe_does_not_prolong_an_outage(worker: WorkerWithSandbox, asked: Asked) -> None:
    """When the stored time has come another connection may ask at once; its answer ends the outage."""
    let_the_time_come(worker)
    asked.failing = {ACME: OutcomeUnknown()}

    assert asked.ask(ACME) is OutcomeUnknown
    assert (asked.host().hold_count, asked.host().probe_owner) == (3, None)
    assert asked.ask(OTHER) is None
    assert asked.host().hold_count == 0
    assert held(worker) == {"acme": ("outage", 1), "other": (None, 0)}


def test_two_failed_probes_prolong_an_outage(worker: WorkerWithSandbox, asked: Asked) -> None:
    """Both are held along with the host again, and no pace is cut a second time."""
    let_the_time_come(worker)
    asked.failing = {ACME: OutcomeUnknown(), OTHER: OutcomeUnknown()}

    assert [asked.ask(ACME), asked.ask(OTHER)] == [OutcomeUnknown, OutcomeUnknown]
    assert asked.host().hold_count == 4
    assert worker.rows("SELECT DISTINCT pace_per_second FROM connection") == [{"pace_per_second": None}]


def test_a_probe_that_found_no_free_connection_says_nothing(worker: WorkerWithSandbox, asked: Asked) -> None:
    """It is neither an answer, which would open the gate, nor a failure, which would hold."""
    let_the_time_come(worker)
    asked.failing = {ACME: NotSent(error_code="pool_exhausted")}

    assert asked.ask(ACME) is NotSent
    assert (asked.host().hold_count, asked.host().probe_owner) == (3, None)
    assert held(worker)["acme"] == ("outage", 0)


@pytest.mark.parametrize(
    ("error", "level", "hint"),
    [
        (OutcomeUnknown(error_code="http_503"), "warning", None),
        (NotSent(error_code="connect_failed"), "warning", None),
        (NotSent(error_code="tls_failed", hint="repair it"), "error", "repair it"),
        (NotSent(error_code="dns_failed", hint="repair it"), "error", "repair it"),
        (Misdirected(hint="repair it"), "error", "repair it"),
        (Misdirected(error_code="bad_url", hint="repair it"), "error", "repair it"),
    ],
)
def test_a_hold_says_what_the_probe_met_and_whether_a_person_is_needed(
    asked: Asked, error: EnvoyError, level: str, hint: str | None
) -> None:
    """So do both, the one of the connection that asked first and the host's."""
    asked.failing = {ACME: error, OTHER: error}
    with capture_logs() as lines:
        asked.ask(ACME)
        asked.ask(OTHER)

    told = [line for line in lines if line["event"] == "connection.held"]
    assert [line.get("connection") or line["number"] for line in told] == ["acme", 2]
    for line in told:
        assert (line["log_level"], line.get("hint")) == (level, hint)
        assert (line["error_code"], line["detail"]) == ("outage", error.error_code)
