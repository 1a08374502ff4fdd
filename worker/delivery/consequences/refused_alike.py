"""Refusals that are alike for everyone: no row's fault, so that the rows are due again, the host held."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
import structlog

from worker.clock import boot_clock
from worker.connections.model import HOSTS
from worker.connections.usable.refusing import Refusing, tell
from worker.database import Database
from worker.database.ahead import STEP_SECONDS
from worker.database.repeating import repeated
from worker.delivery.clears import when_refused_without
from worker.invites import Kind, Status, Verdict
from worker.invites.model import ATTEMPTS, DELIVERIES

LEAST_CONNECTIONS = 3
LEAST_ROWS = 20
SHORT_SECONDS = 0.05  # an examination; with thousands of refusals it takes longer
LAST_LOOKED_AT = 50  # lines of the ledger: an older refusal was followed by others, or by a success
WRITES = (Kind.CREATE.value, Kind.UPDATE.value, Kind.REMOVE.value)

log = structlog.get_logger()


@dataclass(slots=True)
class Rests:
    """Keeps examinations of a long ledger from taking more than a tenth of the time."""

    clock: Callable[[], float] = boot_clock
    _until: float = -math.inf

    def are_over(self) -> bool:
        """Return whether it may be examined again."""
        return self.clock() >= self._until

    @contextmanager
    def after(self) -> Iterator[None]:
        """Rest after the block, nine times as long as it took, if it took long."""
        began = self.clock()
        yield
        took = self.clock() - began
        if took > SHORT_SECONDS:
            self._until = self.clock() + 9 * took


@dataclass(frozen=True, slots=True)
class Alike:
    """Looks, after a rejection, whether everyone is refused in the same way; the evidence is the ledger.

    One that comes while the examination rests is looked at with the next, or at the end of the run.
    """

    database: Database
    refusing: Refusing
    rests: Rests = field(default_factory=Rests)

    def examine(self, refusal: str) -> int:
        """Hold the host where it refuses all like this; return how many rejected rows are due again."""
        if not self.rests.are_over():
            return 0
        with self.rests.after():
            return self._examine(refusal)

    @repeated
    def _examine(self, refusal: str) -> int:
        since, held_for = self._known()
        if held_for != refusal and not self._is_everyones(refusal, since):
            return 0
        with self.database.write() as writer:
            held = self.refusing.hold(writer, refusal)
            number = self._reopen(writer, refusal, since)
            self._try_clears_again(writer, refusal, since)
        if held is not None:
            tell(self.refusing.host, refusal, *held)
        if number:
            log.warning("invite.deferred", number=number, error_code="refuses_all")
        return number

    def examine_last(self) -> int:
        """Do the same for what was refused last: the one who stored it may not have come to look."""
        tried = ATTEMPTS.c
        ordered = sa.select(tried.refusal).where(self._has_been(tried.started_at))
        newest = ordered.order_by(tried.started_at.desc()).limit(LAST_LOOKED_AT).subquery()
        query = sa.select(newest.c.refusal).where(newest.c.refusal.is_not(None)).distinct()
        with self.database.read() as connection:
            refusals = connection.execute(query).scalars().all()
        return sum(self._examine(refusal) for refusal in refusals)

    def _known(self) -> tuple[datetime | None, str | None]:
        """Return since when refusals count, which is the last success; and what the host is held for."""
        tried = ATTEMPTS.c
        success = (
            sa.select(tried.started_at)
            .where(tried.verdict == Verdict.SENT.value, tried.kind.in_(WRITES))
            .where(tried.http_status.between(200, 299), self._has_been(tried.started_at))
            .order_by(tried.started_at.desc())
            .limit(1)
        )
        own = HOSTS.c
        ended = sa.case((self._has_been(own.refusals_from), own.refusals_from))
        host = sa.select(ended.label("refusals_from"), own.refusal).where(own.name == self.refusing.host)
        with self.database.read() as connection:
            last = connection.execute(success).scalar()
            found = connection.execute(host).one_or_none()
        if found is None:
            return last, None
        return max(filter(None, (last, found.refusals_from)), default=None), found.refusal

    def _has_been(self, moment: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        """Say that a moment does not lie ahead: what was put there by a wrong clock would hide all others."""
        return moment <= self.database.later(STEP_SECONDS)

    def _is_everyones(self, refusal: str, since: datetime | None) -> bool:
        """Return whether every row of enough connections, and enough rows, were refused like this."""
        own, tried = DELIVERIES.c, ATTEMPTS.c
        others = sa.func.sum(sa.case((tried.refusal == refusal, 0), else_=1))
        rows = sa.func.count(sa.distinct(own.id))
        of_one = (
            sa.select(rows.label("rows"))
            .join(ATTEMPTS, tried.delivery_id == own.id)
            .where(tried.verdict == Verdict.REJECTED.value, tried.refusal.is_not(None), _after(since))
            .group_by(own.connection)
            .having(others == 0)
            .subquery()
        )
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(of_one.c.rows), 0))
        with self.database.read() as connection:
            connections, number = connection.execute(query.select_from(of_one)).one()
        return bool(connections >= LEAST_CONNECTIONS and number >= LEAST_ROWS)

    def _reopen(self, writer: sa.Connection, refusal: str, since: datetime | None) -> int:
        """Make due again what was rejected like this, where nobody has touched it since."""
        own, tried = DELIVERIES.c, ATTEMPTS.c
        refused = sa.select(tried.id).where(
            tried.refusal == refusal, tried.verdict == Verdict.REJECTED.value, _after(since)
        )
        return writer.execute(
            sa.update(DELIVERIES)
            .where(own.status == Status.REJECTED.value, own.attempt_id.in_(refused))
            .values(
                status=Status.PENDING.value,
                next_attempt_at=self.database.now(),
                deferrals=0,
                attempts=own.attempts - 1,
                updated_at=self.database.now(),
            )
        ).rowcount

    def _try_clears_again(self, writer: sa.Connection, refusal: str, since: datetime | None) -> None:
        """Forget that Envoy refused what an update empties: it refuses all like this."""
        own, tried = DELIVERIES.c, ATTEMPTS.c
        refused = sa.select(tried.id).where(
            tried.refusal == refusal, tried.verdict == Verdict.DEFERRED.value, _after(since)
        )
        waiting = (own.status == Status.PENDING.value) & own.attempt_id.in_(refused)
        # A row that its caller holds is passed over: it keeps what it says, and tells it in the end.
        query = sa.select(own.id).where(waiting).with_for_update(skip_locked=True)
        for number in writer.execute(query).scalars().all():
            content = writer.execute(sa.select(own.sent_content).where(own.id == number)).scalar()
            kept = when_refused_without(content if isinstance(content, dict) else None)
            writer.execute(sa.update(DELIVERIES).where(own.id == number, waiting).values(sent_content=kept))


def _after(since: datetime | None) -> sa.ColumnElement[bool]:
    return sa.true() if since is None else ATTEMPTS.c.started_at > since
