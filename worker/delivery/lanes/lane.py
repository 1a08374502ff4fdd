"""One lane: the due rows of one connection as far as they were read, and what stands in their way."""

import math
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto

from worker.clock import boot_clock
from worker.connections.model import Host
from worker.connections.tokens.expiry import AccessToken
from worker.delivery.due import Cursor, DueRow
from worker.delivery.lanes.sharing import ALL, Part
from worker.delivery.plan import Call
from worker.directory import Directory

NEWS_EVERY_SECONDS = 1.0
LEFT_SECONDS = 1.0  # until a process that has sent its own part takes what is left of the others'


@dataclass(frozen=True, slots=True)
class Work:
    """Ready work: one planned row that needs one claim and one request."""

    lane: "Lane"
    row: DueRow
    call: Call
    not_before: float = 0.0  # its place in the connection's pace, on the boot clock


class Need(Enum):
    """What the next visit of a preparer to a lane may take."""

    CHECK = auto()  # a look at what is stored, for its ready work waits for that
    PAGE = auto()
    ASKING = auto()  # its next row needs an answer of Envoy's
    SLOW = auto()  # it kept a preparer for long the last time


@dataclass(slots=True, eq=False)
class Lane:
    """The due rows of one connection, as far as they were read."""

    connection_id: int
    name: str  # the connection's
    ready: deque[Work] = field(default_factory=deque)
    in_flight: int = 0  # handed out, and not given back yet

    cursor: Cursor | None = None
    read_to_end: bool = False  # no row lay behind the last page
    progressed: bool = False  # since the sweep began: then there may be more due, and it is looked for
    look_again: bool = False  # rows that were read were given up, and are to be read again
    found_due: bool = False  # by a look for due connections, since the sweep began
    in_vain: bool = False  # its last sweep came to nothing
    vain_at: int = 0  # so much had been done in the run by then
    sweeps: int = 0
    part: Part = ALL  # the rows that its next page may have
    outdated: bool = False  # it was read by a part that is not this process's any more
    left_until: float = 0.0  # on the boot clock: its own part was sent, and the rest is left to others
    all_from: float = 0.0  # on the boot clock: from when on a sweep reads all rows, 0 for never
    reads_all: bool = False  # whosever they are, until a claim is refused
    exhausted: bool = False
    closed: bool = False  # held, dead or unreachable: not again before it is found usable
    busy: bool = False  # a preparer is at it, or a refresh that it waits for
    slow: bool = False  # it kept its preparer for long
    asks: bool = False  # its next row needs an answer of Envoy's
    permits: set[Need] = field(default_factory=set)  # what its visit was counted for
    no_looks_until: float = 0.0  # on the boot clock: Envoy is not asked for hosts and names before
    was_refused: bool = False  # the last token, when Envoy was asked for these
    room: int = 0  # rows that its next page may have
    room_bytes: int = 0
    suspended: int = 0  # troubles whose consequences are still to come
    waits_until: float = 0.0  # on the boot clock: no preparer visits it before
    next_page_at: float = 0.0  # on the boot clock: no page is read before, for its pace

    token: AccessToken | None = field(default=None, repr=False)
    refresh: Future[AccessToken] | None = field(default=None, repr=False)  # that it waited for
    checked_until: float = 0.0  # on the boot clock: what was found out about it is believed until then
    directory: Directory | None = field(default=None, repr=False)
    may_read: bool = False  # its doubtful invites are looked up
    disturbed: bool = True  # a success would put something right
    told_at: float = -math.inf  # on the boot clock: when a success was last told
    doubts: int = 0  # answers in a row that left it open what Envoy did
    locked_looks: int = 0  # in a row at its pace that met a lock of another transaction's
    unproven: int = 0  # refusals in a row that may not be Envoy's own
    refusing: Host | None = None  # as it was seen to refuse everyone: one request is a trial
    refuted: bool = False  # a success came although everyone is held since Envoy refuses them
    on_trial: bool = False  # was held by itself: one request at a time, until one succeeds

    @property
    def at_rest(self) -> bool:
        """Whether nothing is to be done for it, as far as is known."""
        return self.closed or self.exhausted

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is prepared or handed out now."""
        return self.closed or self.suspended > 0

    @property
    def is_tried(self) -> bool:
        """Whether the one request that a lane on trial may have is on its way."""
        return self.on_trial and self.in_flight > 0

    def expect_success(self) -> None:
        """Have the next success told: something went wrong."""
        self.disturbed, self.told_at = True, -math.inf

    def success_is_news(self) -> bool:
        """Return whether a success should be told: after trouble at once, then once a second."""
        if not self.disturbed or boot_clock() - self.told_at < NEWS_EVERY_SECONDS:
            return False
        self.told_at = boot_clock()
        return True

    def is_stale(self, now: float) -> bool:
        """Return whether it has ready work that waits until the lane was looked at again."""
        return bool(self.ready) and self.checked_until <= now

    def visit_at(self, now: float) -> float:
        """Return from when on a preparer may visit it, 0 where that is now."""
        page_at = max(self.next_page_at, self.left_until)
        at = self.waits_until if self.is_stale(now) else max(self.waits_until, page_at)
        return at if at > now else 0.0

    def read_next(self, part: Part, now: float) -> None:
        """Read the rows of a part next; all rows, where the others have had their time to send them."""
        if self.cursor is None and 0 < self.all_from <= now:
            self.reads_all, self.all_from = True, 0.0
        self.part = ALL if self.reads_all else part

    def sweep(self, now: float) -> bool:
        """Where all was read, handed out and given back: rest, unless it is known that there is more to read.

        Return whether it rests from now on.
        """
        if self.ready or self.in_flight or not self.read_to_end:
            return False
        # What was found due since may be what could not be sent now: once more, and then no more.
        is_new = self.found_due and not self.in_vain
        self.exhausted = not (self.look_again or (is_new and not self.progressed))
        self.in_vain = not self.progressed
        self.rewind()
        if not self.part.is_all:
            self._leave_the_rest(now)
        return self.exhausted

    def _leave_the_rest(self, now: float) -> None:
        """Give the others time for what is theirs, from when on this process first had sent its own part."""
        self.all_from = self.all_from or now + LEFT_SECONDS
        if self.exhausted:
            self.exhausted, self.left_until = False, self.all_from

    def begin_anew(self) -> None:
        """Read by another part from now on, from the beginning; none of it lies ready."""
        self.rewind(progressed=self.progressed)
        self.outdated = self.reads_all = False
        self.all_from = self.left_until = 0.0

    def rewind(self, *, progressed: bool = False) -> None:
        """Read from the beginning next time."""
        self.cursor, self.progressed = None, progressed
        self.read_to_end = self.look_again = self.found_due = False
        self.sweeps += 1
