"""Push what is due: recover, then let the senders drain the lanes."""

import contextvars
import math
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from worker.connections import pace
from worker.connections.gate import Gate
from worker.connections.holds import Holds
from worker.connections.refusing import Refusing
from worker.connections.tokens import Tokens
from worker.database import Database
from worker.delivery.alike import Alike
from worker.delivery.consequences import Consequences
from worker.delivery.healing import Healing
from worker.delivery.lane import Lane
from worker.delivery.prepare.dispatch import Lanes
from worker.delivery.prepare.refill import Filling
from worker.delivery.proving import Proving
from worker.delivery.recovering import Recovering
from worker.delivery.rows import due_connections, is_anything_due
from worker.delivery.send.attempt import Sending
from worker.delivery.send.judge import Judge
from worker.delivery.store.claim import Claims, Lease
from worker.delivery.store.database_away import MANUAL_SECONDS
from worker.delivery.store.verdicts import BackOff, Verdicts
from worker.envoy.api import EnvoyApi
from worker.envoy.clock import WallClock, boot_clock
from worker.errors import ExitCode
from worker.report import Report
from worker.settings.model import PushSettings

DISCOVER_EVERY_SECONDS = 5.0
COUNTS = ("sent", "updated", "withdrawn", "rejected", "deferred", "unknown", "expired")


@dataclass(frozen=True, slots=True)
class Push:
    """One run of pushing; ``max_seconds`` ends it early, so that a schedule stays a schedule.

    ``patience_seconds``: for how long a verdict is offered to a database that is away.
    """

    database: Database
    api: EnvoyApi
    tokens: Tokens
    holds: Holds
    gate: Gate
    healing: Healing
    settings: PushSettings
    stop: threading.Event
    wall_clock: WallClock
    run_id: str
    first_look: float  # seconds until a create in doubt is looked up
    marked: bool = False
    connection: str | None = None
    limit: int | None = None
    max_seconds: float | None = None
    patience_seconds: float = MANUAL_SECONDS

    def run(self) -> Report:
        """Push until nothing is due; return what became of it."""
        report = Report(Counter(dict.fromkeys(COUNTS, 0)))
        self._recovering().run(report, connection=self.connection, whole=self.max_seconds is None)
        self._alike().examine_last()
        if is_anything_due(self.database, only=self.connection):
            self._drain(report)
        if report.counts["rejected"]:
            self._compare_last(report)
        return report

    def _recovering(self) -> Recovering:
        return Recovering(self.database, self.healing, self.settings, self.wall_clock, self.first_look)

    def _compare_last(self, report: Report) -> None:
        """Look once more whether everyone is refused alike: the last ones may have come in a rest."""
        if reopened := self._alike().examine_last():
            report.reopened(reopened)
            report.trouble(ExitCode.TRY_LATER)

    def _drain(self, report: Report) -> None:
        filling = Filling(
            self.database,
            self.api,
            self.tokens,
            self.holds,
            self.gate,
            report=report,
            stop=self.stop,
            marked=self.marked,
            first_look=self.first_look,
        )
        failed = threading.Event()
        ends_at = boot_clock() + (math.inf if self.max_seconds is None else self.max_seconds)
        lanes = Lanes(
            fill=lambda lane: filling.fill(lanes, lane),
            reserve=self._reserve if self.settings.rate_per_second else None,
            discover=lambda: due_connections(self.database, only=self.connection),
            clock=boot_clock,
            discover_every=DISCOVER_EVERY_SECONDS,
            limit=self.limit,
            over=lambda: self.stop.is_set() or failed.is_set() or boot_clock() > ends_at,
        )
        self._send_all(lanes, self._sending(report), failed)

    def _sending(self, report: Report) -> Sending:
        lease = Lease(self.settings.lease_seconds, self.settings.request_timeout_seconds)
        claims = Claims(self.database, host=self.gate.host, lease=lease, run_id=self.run_id, clock=boot_clock)
        return Sending(
            database=self.database,
            api=self.api,
            tokens=self.tokens,
            gate=self.gate,
            consequences=Consequences(self.tokens, self.holds, self.gate, report),
            report=report,
            claims=claims,
            verdicts=Verdicts(
                self.database, BackOff(*self.settings.backoff_seconds), first_look=self.first_look
            ),
            judge=Judge(self.database, self.settings.recreate_missing),
            alike=self._alike(),
            proving=Proving(self.database, self.api, self.tokens),
            patience_seconds=self.patience_seconds,
            stop=self.stop,
            requests=threading.Semaphore(self.settings.concurrency),
        )

    def _alike(self) -> Alike:
        hold_seconds = self.settings.hold_seconds
        return Alike(self.database, Refusing(self.database, self.gate.host, hold_seconds=hold_seconds))

    def _send_all(self, lanes: Lanes, sending: Sending, failed: threading.Event) -> None:
        """Run the senders; the first unexpected error stops the run, after what is in flight."""

        def drain() -> None:
            try:
                while (work := lanes.next()) is not None:
                    sending.send(lanes, work)
            except BaseException:
                failed.set()
                raise

        number = self.settings.senders
        with ThreadPoolExecutor(number, thread_name_prefix="sender") as pool:
            senders = [pool.submit(contextvars.copy_context().run, drain) for _ in range(number)]
        for sender in senders:
            sender.result()

    def _reserve(self, lane: Lane) -> float:
        return pace.reserve(self.database, lane.connection_id, rate_per_second=self.settings.rate_per_second)
