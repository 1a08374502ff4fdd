"""One lane: the due rows of one connection as far as they were read, and what stands in their way."""

import threading
from collections import deque
from dataclasses import dataclass, field

from worker.connections.model import Host
from worker.delivery.freshness import Freshness
from worker.delivery.plan import Call
from worker.delivery.rows import Cursor, DueRow


@dataclass(frozen=True, slots=True)
class Work:
    """One row that Envoy must be called for."""

    lane: "Lane"
    row: DueRow
    call: Call


@dataclass(slots=True, eq=False)
class Lane:
    """The due rows of one connection, as far as they were read."""

    connection_id: int
    name: str  # the connection's
    fresh: Freshness
    ready: deque[Work] = field(default_factory=deque)
    cursor: Cursor | None = None
    read_to_end: bool = False  # no row lay behind the last page
    progressed: bool = False  # since the sweep began: then there may be more due, and it begins again
    exhausted: bool = False
    closed: bool = False  # held, dead or unreachable: not again in this run
    busy: bool = False  # a thread reads its next page or waits for its pace
    has_slot: bool = False  # a place in the stored pace is reserved
    may_read: bool = False  # its doubtful invites are looked up
    doubts: int = 0  # answers in a row that left it open what Envoy did
    unproven: int = 0  # refusals in a row that may not be Envoy's own
    proving: threading.Lock = field(default_factory=threading.Lock, repr=False)  # of one thread at a time
    refusing: Host | None = None  # as it was seen to refuse everyone: one request is a trial
    refuted: bool = False  # a success came although everyone is held since Envoy refuses them
    on_trial: bool = False  # was held by itself: one request at a time, until one succeeds
    in_flight: int = 0
    waits_until: float = 0.0  # on our clock: for that place, or to ask for one again

    @property
    def at_rest(self) -> bool:
        """Whether nothing is to be done for it, as far as is known."""
        return self.closed or self.exhausted

    def may_be_served(self, now: float) -> bool:
        """Say whether it can be brought a step further now."""
        on_trial = self.on_trial and self.in_flight > 0
        return not (self.busy or self.at_rest or on_trial or self.waits_until > now)

    def sweep(self) -> None:
        """Where all was read and handed out: begin again if something was done since, else rest."""
        if self.ready or not self.read_to_end:
            return
        self.exhausted = not self.progressed
        self.progressed = self.read_to_end = False
        self.cursor = None
