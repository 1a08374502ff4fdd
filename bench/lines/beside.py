"""What other customers' troubles cost one who has none: the speed beside them, over the speed without."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from bench.ground import PUSH, Ground
from bench.measuring import Running, Used

LATENCY = 0.05
SETTINGS = {"PUSH__CONCURRENCY": 8, "LOG__LEVEL": "debug"}  # so that the begin of the job is told

Trouble = Callable[[Running], AbstractContextManager[None]]


def _none(_running: Running) -> AbstractContextManager[None]:
    return nullcontext()


class Beside:
    """One push, watched for the invites of those customers who have no trouble."""

    def __init__(self, ground: Ground, companies: Iterable[str], rows: int) -> None:
        """*rows*: how many these customers have, all told."""
        self._ground = ground
        self._companies = set(companies)
        self._rows = rows

    def speed(self, limit: float, trouble: Trouble = _none) -> tuple[float, Used]:
        """Push, and return their invites a second, and what the process used.

        *trouble* lasts until they are through, or *limit* seconds are over; then the process has as long
        to end by itself.
        """
        seen = len(self._ground.place.ledger().creates)
        running = self._ground.start(*PUSH)
        with trouble(running):
            through = running.until(self._through, limit)
        used = running.wait(limit if through else 0)
        creates = self._ground.place.ledger().creates[seen:]
        moments = [one.moment for one in creates if one.company in self._companies]
        if not moments:
            return 0.0, used
        ended = max(moments) if through else used.job_began + limit
        return len(moments) / (ended - used.job_began), used

    def _through(self) -> bool:
        counts = self._ground.place.companies()
        return sum(counts.get(company, 0) for company in self._companies) >= self._rows
