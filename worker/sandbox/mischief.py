"""Decides which request meets which fault; the same seed gives the same draws."""

import random
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

from worker.sandbox.faults import SHARES, Faults
from worker.sandbox.refusals import Refused
from worker.sandbox.values import Clock
from worker.sandbox.wire import Request


@dataclass(slots=True)
class _Bucket:
    level: float = 0.0
    at: float = 0.0


@dataclass(slots=True)
class Mischief:
    """The faults that are on, and what has been drawn from them so far."""

    clock: Clock = time.monotonic
    faults: Faults = field(default_factory=Faults)
    _draws: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - repeatable
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _throttled: int = 0
    _token_drops: int = 0
    _late: int = 0
    _refused: int = 0

    def set(self, faults: Faults) -> None:
        """Switch to other faults, and begin their draws again."""
        self.faults = faults
        self._draws.seed(faults.seed)
        self._buckets.clear()
        self._throttled = 0
        self._token_drops = faults.token_drop_after
        self._late = faults.token_late

    def meets(self, request: Request, company_id: str = "") -> bool:
        """Return whether the shares apply to this request of a company's."""
        meant = self.faults.company in ("", company_id)
        return meant and f"{request.method} {request.path}".startswith(self.faults.only)

    def draw(self, request: Request, company_id: str = "") -> str:
        """Return the name of the one share that this request falls into, "" for none."""
        if not self.meets(request, company_id):
            return ""
        # One draw, cut into the shares one after the other, keeps each share exact.
        left = self._draws.random()
        for name in SHARES:
            left -= getattr(self.faults, name)
            if left < 0:
                return name
        return ""

    def loses(self, request: Request) -> bool:
        """Return whether a gateway has lost the route of this request."""
        if not self.faults.lost:
            return False
        asked = f"{request.method} {request.path}"
        lost = [part.strip() for part in self.faults.lost_only.split(",")]
        return any(asked == part[:-1] if part.endswith("$") else asked.startswith(part) for part in lost)

    def refuse_alike(self, request: Request, company_id: str) -> None:
        """Refuse a write like all the others, if that is switched on for its company."""
        faults = self.faults
        meant = faults.refuse_companies.replace(" ", "").split(",")
        if not faults.refuse_status or request.method == "GET" or not {"", company_id} & {*meant}:
            return
        self._refused += 1
        raise Refused(
            HTTPStatus(faults.refuse_status), faults.refuse_message.replace("{n}", str(self._refused))
        )

    def admit(self, company_id: str) -> None:
        """Let one request of a company in, or refuse it with 429 while its leaky bucket is full."""
        rate = self.faults.rate_limit_per_second
        if rate <= 0:
            return
        now = self.clock()
        bucket = self._buckets.setdefault(company_id, _Bucket(at=now))
        bucket.level = max(0.0, bucket.level - (now - bucket.at) * rate)
        bucket.at = now
        if bucket.level + 1 > max(1.0, rate):
            raise self.too_many()
        bucket.level += 1

    def too_many(self) -> Refused:
        """Return a 429 with the next Retry-After in turn."""
        setting = self.faults.retry_after
        turns = setting if isinstance(setting, tuple) else (setting,)
        value = turns[self._throttled % len(turns)]
        self._throttled += 1
        headers = {} if value is None else {"Retry-After": _written(value)}
        return Refused(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", headers)

    def date(self) -> str | None:
        """Return the Date of an answer: "" is the true one, None is none at all."""
        wanted = self.faults.date
        if wanted == "absent":
            return None
        if wanted[:1] in ("+", "-") and wanted[1:].isdecimal():
            return formatdate(time.time() + int(wanted), usegmt=True)
        return wanted

    def drops_token(self) -> bool:
        """Return whether this refresh's answer is lost, and count it."""
        lost = self._token_drops > 0
        self._token_drops -= lost
        return lost

    def is_late(self) -> bool:
        """Return whether this refresh is carried out late, and count it."""
        late = self._late > 0
        self._late -= late
        return late


def _written(value: str) -> str:
    kind, _, seconds = value.partition(":")
    if kind != "date" or not seconds.isdecimal():
        return value
    return formatdate(time.time() + int(seconds), usegmt=True)
