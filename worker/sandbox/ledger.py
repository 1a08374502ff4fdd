"""What the sandbox has seen, so that a test can judge what a client did."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from worker.sandbox.grants import Tally
from worker.sandbox.invites import Held
from worker.sandbox.values import Clock, Record, precise_text
from worker.sandbox.wire import Request

CONTENT = ("company_id", "locationId", "expectedArrivalAt", "name", "email")
UNAUTHORISED, THROTTLED = "401", "429"


@dataclass(slots=True)
class Ledger:
    """Counts of requests, and one entry for every write that was carried out.

    ``mails`` are those of them that had the visitor mailed.  ``attempts`` also
    names the writes that were received and not carried out, with the status
    answered, or ``dropped``.
    """

    clock: Clock
    requests: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    creates: list[Record] = field(default_factory=list, repr=False)
    updates: list[Record] = field(default_factory=list, repr=False)
    removes: list[Record] = field(default_factory=list, repr=False)
    mails: list[Record] = field(default_factory=list, repr=False)
    attempts: list[Record] = field(default_factory=list, repr=False)
    by_route: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def begin(self) -> None:
        """Count a request as being handled."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def note(self, request: Request, route: str, outcome: str) -> None:
        """Count a request that has been handled under its route and its status, or ``dropped``."""
        self.in_flight -= 1
        self.requests += 1
        self.by_route[route][outcome] += 1
        if "/v1/invites" in route and request.method != "GET":
            entry = {"request_id": _request_id(request), "at": self._now(), "route": route}
            self.attempts.append({**entry, "outcome": outcome})

    def entry(self, request: Request, held: Held) -> Record:
        """Return what is kept of a write that was carried out."""
        return {
            "request_id": _request_id(request),
            "at": self._now(),
            "company_id": held.company_id,
            "invite_id": held.data["id"],
            "locationId": held.data["locationId"],
            "expectedArrivalAt": held.data["expectedArrivalAt"],
            **held.data["invitee"],
        }

    def duplicates(self) -> list[Record]:
        """Return the groups of creates with the same content, each with its count."""
        counts = Counter(tuple(entry[key] for key in CONTENT) for entry in self.creates)
        return [
            {**dict(zip(CONTENT, content, strict=True)), "count": count}
            for content, count in counts.items()
            if count > 1
        ]

    def as_json(self, tally: Tally) -> Record:
        """Return everything, as ``GET /sandbox/ledger`` answers it."""
        return {
            "requests": self.requests,
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "creates": list(self.creates),
            "updates": list(self.updates),
            "removes": list(self.removes),
            "mails": list(self.mails),
            "attempts": list(self.attempts),
            "duplicates": self.duplicates(),
            "refreshes": tally.refreshes,
            "refresh_token_reuse": tally.refresh_token_reuse,
            "families_killed": tally.families_killed,
            "unauthorised": self._under_v1(UNAUTHORISED),
            "throttled": self._under_v1(THROTTLED),
            "by_route": {route: dict(outcomes) for route, outcomes in self.by_route.items()},
        }

    def _under_v1(self, outcome: str) -> int:
        return sum(counts[outcome] for route, counts in self.by_route.items() if " /v1/" in route)

    def _now(self) -> str:
        return precise_text(self.clock())


def _request_id(request: Request) -> str | None:
    return request.headers.get("x-request-id")
