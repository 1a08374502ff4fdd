"""Push what is due: recover, then let the stages work, each in threads of its own.

Preparers bring connections on until their rows are ready work; senders claim and make one request each; the
journal stores, and what follows from a stored verdict is told beside them.
"""

import contextvars
import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from worker.backoff import BackOff
from worker.clock import WallClock, boot_clock
from worker.connections.tokens.access import Tokens
from worker.connections.usable.finding import NEEDS_CONSENT
from worker.connections.usable.gate import Gate
from worker.connections.usable.holds import Holds
from worker.connections.usable.refusing import Refusing
from worker.database import Database
from worker.database.owner import this_process
from worker.delivery.consequences.apply import Consequences
from worker.delivery.consequences.probes import Proving
from worker.delivery.consequences.refused_alike import Alike
from worker.delivery.consequences.teller import Teller
from worker.delivery.due import DueConnection, blocked_reasons, due_connections
from worker.delivery.lanes.at_work import processes_at_work
from worker.delivery.lanes.discovery import Discovery
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.sharing import Sharing
from worker.delivery.prepare.page import Pages
from worker.delivery.prepare.preparer import Preparer
from worker.delivery.prepare.usability import Usability
from worker.delivery.recovery.missing import Healing
from worker.delivery.recovery.run import Recovering
from worker.delivery.send.attempt import Requests
from worker.delivery.send.judge import Judge
from worker.delivery.send.sender import Sender
from worker.delivery.store.claims import Claims, Lease
from worker.delivery.store.database_away import MANUAL_SECONDS, Patience
from worker.delivery.store.journal import Journal
from worker.delivery.store.verdicts import Verdicts
from worker.envoy.api import EnvoyApi
from worker.errors import ExitCode
from worker.report import Report
from worker.settings.model import PushSettings

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
    journal: Journal
    news: Callable[[], int] = lambda: 0  # a number that grows when callers have written
    marker: bool = False
    connection: str | None = None
    limit: int | None = None
    max_seconds: float | None = None
    patience_seconds: float = MANUAL_SECONDS

    def run(self) -> Report:
        """Push until nothing is due; return what became of it."""
        report = Report(Counter(dict.fromkeys(COUNTS, 0)))
        self._recovering().run(report, connection=self.connection, whole=self.max_seconds is None)
        self._alike().examine_last()
        news = self.news()  # read before the look: what is written during it is looked for once more
        if found := self._due():
            self._drain(report, Discovery(self._due, boot_clock, self.news, known=found, seen=news))
        if self.max_seconds is None:
            self._tell_blocked(report)
        if report.counts["rejected"]:
            self._compare_last(report)
        return report

    def _due(self) -> Sequence[DueConnection]:
        return due_connections(self.database, only=self.connection)

    def _tell_blocked(self, report: Report) -> None:
        """Say by the exit code that connections with due rows are of no use now."""
        for reason in blocked_reasons(self.database, only=self.connection):
            by_consent = reason in NEEDS_CONSENT
            report.trouble(ExitCode.NEEDS_AUTHORISATION if by_consent else ExitCode.TRY_LATER)

    def _recovering(self) -> Recovering:
        return Recovering(self.database, self.healing, self.settings, self.wall_clock, self.first_look)

    def _compare_last(self, report: Report) -> None:
        """Look once more whether everyone is refused alike: the last ones may have come in a rest."""
        if reopened := self._alike().examine_last():
            report.reopened(reopened)
            report.trouble(ExitCode.TRY_LATER)

    def _drain(self, report: Report, discovery: Discovery) -> None:
        """Let the stages work until nothing usable is due; the first unexpected error ends the run."""
        failed: list[BaseException] = []
        ends_at = boot_clock() + (math.inf if self.max_seconds is None else self.max_seconds)
        lanes = self._lanes(discovery, lambda: self.stop.is_set() or bool(failed) or boot_clock() > ends_at)
        with self._teller(lanes, report, failed.append) as teller:
            preparer, sender = self._preparer(lanes, report), self._sender(lanes, teller)
            works = [preparer.run] * self.settings.preparers + [sender.run] * self.settings.concurrency
            work_all(works, failed=failed.append)
        if failed:
            raise failed[0]

    def _lanes(self, discovery: Discovery, over: Callable[[], bool]) -> Lanes:
        return Lanes(
            discovery,
            over=over,
            clock=boot_clock,
            ready=self.settings.most_ready,
            limit=self.limit,
            preparers=self.settings.preparers,
            sharing=Sharing(lambda: processes_at_work(self.database), boot_clock, this_process()),
        )

    def _preparer(self, lanes: Lanes, report: Report) -> Preparer:
        usability = Usability(
            self.database, self.tokens, self.holds, self.gate, self._alike().refusing, report, self.stop
        )
        pages = Pages(
            self.database,
            self.api,
            self.tokens,
            report,
            self.journal,
            rate_per_second=self.settings.rate_per_second,
            marker=self.marker,
            first_look=self.first_look,
        )
        return Preparer(lanes, usability, pages)

    def _sender(self, lanes: Lanes, teller: Teller) -> Sender:
        lease = Lease(self.settings.lease_seconds, self.settings.request_timeout_seconds)

        return Sender(
            lanes=lanes,
            database=self.database,
            gate=self.gate,
            claims=Claims(
                self.database,
                self.journal,
                host=self.gate.host,
                lease=lease,
                run_id=self.run_id,
                clock=boot_clock,
            ),
            requests=Requests(self.api, Judge(self.database, self.settings.recreate_missing)),
            room=teller.has_room,
            hand_over=teller.hand_over,
            patience_seconds=self.patience_seconds,
            stop=self.stop,
        )

    def _teller(self, lanes: Lanes, report: Report, failed: Callable[[BaseException], None]) -> Teller:
        return Teller(
            lanes,
            self._verdicts(),
            self._consequences(lanes, report),
            report,
            patience=partial(Patience, self.stop, self.patience_seconds),
            failed=failed,
        )

    def _verdicts(self) -> Verdicts:
        back_off = BackOff(*self.settings.backoff_seconds)
        return Verdicts(self.database, self.journal, back_off, first_look=self.first_look)

    def _consequences(self, lanes: Lanes, report: Report) -> Consequences:
        return Consequences(
            lanes,
            self.tokens,
            self.holds,
            self.gate,
            Proving(self.database, self.api, self.tokens),
            self._alike(),
            report,
        )

    def _alike(self) -> Alike:
        hold_seconds = self.settings.hold_seconds
        return Alike(self.database, Refusing(self.database, self.gate.host, hold_seconds=hold_seconds))


def work_all(works: Sequence[Callable[[], None]], *, failed: Callable[[BaseException], None]) -> None:
    """Do all of it at once, each in a thread of its own, and return when all have ended.

    *failed* is told of what ended one, or kept it from being begun.
    """

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- it ends the run, and is raised by that
            failed(error)

    with ThreadPoolExecutor(len(works), thread_name_prefix="push") as pool:
        try:
            for work in works:
                pool.submit(contextvars.copy_context().run, guarded, work)
        except RuntimeError as error:  # the system gives no more threads: the others are not to wait for it
            failed(error)
