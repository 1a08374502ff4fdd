"""Whether the database's clock is believed, before a job does what cannot be undone.

Two others must agree with it: the boot clock, by which it has not jumped since the job's last run, and
Envoy's, which was seen within a day or is asked for now.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from worker.clock import boot_clock
from worker.connections.witness import apart
from worker.database import Database
from worker.database.ahead import age
from worker.database.owner import this_boot_clock
from worker.database.repeating import repeated
from worker.errors import ClockDoubted, EnvoyError, ExitCode
from worker.runs.context import RunContext
from worker.runs.lease import register
from worker.runs.model import JOBS

# Clocks are put right by little steps and by slewing; what is more is a jump.
STEP_SECONDS = 300.0
SLEW = 0.001
PATIENCE = timedelta(days=3)
KEEP_TIME = "let all hosts keep time (NTP); `envoy-worker check` compares the clocks"
REACH = "see why Envoy does not answer: `envoy-worker check`"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the clock is not believed; ``lasts``: for so long that a person is needed."""

    error_code: str
    text: str
    hint: str
    exit_code: ExitCode = ExitCode.TRY_LATER
    lasts: bool = False

    def as_error(self, consequence: str) -> ClockDoubted:
        """Return it as the error of a run, with what comes of it."""
        return ClockDoubted(
            f"{consequence} for {PATIENCE.days} days or more: {self.text}",
            hint=self.hint,
            error_code=self.error_code,
            exit_code=self.exit_code,
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What both clocks said at one moment; one of them counts within a boot."""

    at: datetime
    boot: str | None
    boot_seconds: float


def confirmed_time(run: RunContext, job: str, *, matters: Callable[[datetime], bool]) -> datetime | Doubt:
    """Return the database's time, or why it is not believed; what was seen is remembered for *job*.

    Envoy is asked where nothing that is stored confirms the time; no transaction is open during that.
    *matters* says whether anything would be done at that time: otherwise any is good.
    """
    before, since, seen = _look(run.database, job)
    jumped = _jumped(before, seen)
    if jumped:
        # Once seen, a jump is over for the next run: which shall not believe what was seen before it.
        run.context.witness.forget()
    found = None
    if matters(seen.at):
        found = _jump(jumped) or _unconfirmed(run) or _jump(_jumped_since(run.database, job, seen))
    if since is None or age(since, seen.at) is None:
        since = seen.at
    _remember(run.database, job, seen, None if found is None else since)
    return seen.at if found is None else replace(found, lasts=seen.at - since >= PATIENCE)


def known_doubt(run: RunContext, job: str) -> Doubt | None:
    """Return the doubt that a run would begin with, from the database alone; nothing is written."""
    before, _since, seen = _look(run.database, job)
    sighting = run.context.witness.look()
    if (jump := _jump(_jumped(before, seen))) is not None or not sighting.is_young or sighting.agrees:
        return jump
    return _disagreement(sighting.ahead_seconds)


def _look(database: Database, job: str) -> tuple[_Seen | None, datetime | None, _Seen]:
    """Return what was seen at the job's last run, since when the clock is in doubt, and what is seen now."""
    own = JOBS.c
    time = sa.select(database.now().label("now")).subquery()
    query = sa.select(
        time.c.now, own.seen_at, own.seen_boot, own.seen_boot_seconds, own.unwitnessed_since
    ).outerjoin_from(time, JOBS, own.name == job)
    with database.read() as connection:
        row = connection.execute(query).one()
    known = row.seen_at is not None and row.seen_boot_seconds is not None
    before = _Seen(row.seen_at, row.seen_boot, row.seen_boot_seconds) if known else None
    return before, row.unwitnessed_since, _Seen(row.now, this_boot_clock(), boot_clock())


def _jumped(before: _Seen | None, seen: _Seen) -> float:
    """Return how far the clock jumped, 0 where it did not; a reboot, or another host, hides that."""
    if before is None or seen.boot is None or before.boot != seen.boot:
        return 0.0
    return _step(before, seen)


def _jumped_since(database: Database, job: str, seen: _Seen) -> float:
    """Return how far the clock jumped while it was confirmed: what was confirmed is another time then."""
    _before, _since, now = _look(database, job)
    return _step(seen, now)


def _step(earlier: _Seen, later: _Seen) -> float:
    """Return by how much the clock was set between two looks within one boot, 0 for what is no jump."""
    elapsed = later.boot_seconds - earlier.boot_seconds
    step = (later.at - earlier.at).total_seconds() - elapsed
    return step if abs(step) > STEP_SECONDS + SLEW * elapsed else 0.0


def _jump(jumped: float) -> Doubt | None:
    if not jumped:
        return None
    text = f"since the last run the database's clock jumped, and is {apart(jumped)} the time that went by"
    return Doubt("clock_jumped", text, f"the next run goes on if Envoy's clock agrees; {KEEP_TIME}")


def _unconfirmed(run: RunContext) -> Doubt | None:
    witness = run.context.witness
    witness.keep()
    if (sighting := witness.look()).agrees:
        return None
    try:
        run.context.envoy_clock.ask(run.context.http, run.settings.envoy.api_url)
    except EnvoyError as error:
        if sighting.is_young:
            return _disagreement(sighting.ahead_seconds)
        text = f"Envoy was not seen for a day, and does not answer now: {error}"
        return Doubt("clock_unconfirmed", text, REACH, error.exit_code)
    witness.keep()
    sighting = witness.look()
    if not sighting.is_young:
        return Doubt("clock_unconfirmed", "Envoy's answer does not say what time it is", REACH)
    return None if sighting.agrees else _disagreement(sighting.ahead_seconds)


def _disagreement(ahead_seconds: float) -> Doubt:
    return Doubt("clock_disagrees", f"the database's clock is {apart(ahead_seconds)} Envoy's", KEEP_TIME)


@repeated
def _remember(database: Database, job: str, seen: _Seen, since: datetime | None) -> None:
    values = {
        "seen_at": seen.at,
        "seen_boot": seen.boot,
        "seen_boot_seconds": seen.boot_seconds,
        "unwitnessed_since": since,
    }
    update = sa.update(JOBS).where(JOBS.c.name == job).values(**values)
    with database.write() as connection:
        if not connection.execute(update).rowcount:
            register(connection, job)
            connection.execute(update)
