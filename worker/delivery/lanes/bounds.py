"""How much a run may do, and how much of it lies ready: counted under the lock of the lanes."""

from dataclasses import dataclass, field

from worker.delivery.lanes.lane import Lane, Work

MOST_READY_BYTES = 16_000_000  # of their JSON and texts, of all lanes together
LEAST_PAGE, PAGE = 10, 100


@dataclass(slots=True)
class Allowance:
    """How many rows this run may still finish; no limit where ``left`` is None."""

    left: int | None = None

    @property
    def is_spent(self) -> bool:
        """Whether nothing more may be begun."""
        return self.left == 0

    def take(self, number: int = 1) -> int:
        """Return how many of so many may be begun, and count them."""
        if self.left is None:
            return number
        taken = min(self.left, number)
        self.left -= taken
        return taken

    def give_back(self, number: int) -> None:
        """Count so many less, which were not finished after all."""
        if self.left is not None:
            self.left += number


@dataclass(slots=True)
class Room:
    """Planned rows that lie ready, and the room that pages under way have been given."""

    most: int
    allowance: Allowance = field(default_factory=Allowance)
    rows: int = 0
    bytes: int = 0
    promised: int = 0

    @property
    def is_full(self) -> bool:
        """Whether no page may be read."""
        return self.left <= 0 or self.bytes >= MOST_READY_BYTES

    @property
    def left(self) -> int:
        """How many rows more may be read: what the run may not send any more is read in vain.

        A page more than it may: some of what lies ready may wait, and others go first.
        """
        allowed = self.allowance.left
        most = self.most if allowed is None else min(self.most, allowed + PAGE)
        return most - self.rows - self.promised

    def share(self, lanes: int) -> int:
        """Return how many rows of one lane may lie ready, of so many lanes."""
        return min(PAGE, max(LEAST_PAGE, self.most // max(1, lanes)))

    def promise(self, lane: Lane, lanes: int) -> None:
        """Give a lane room for its next page."""
        lane.room = 1 if lane.on_trial else max(1, min(self.share(lanes), self.left))
        lane.room_bytes = max(1, min(MOST_READY_BYTES // max(1, lanes), MOST_READY_BYTES - self.bytes))
        self.promised += lane.room

    def close(self, lane: Lane) -> None:
        """Take back what was promised."""
        self.promised -= lane.room
        lane.room = 0

    def add(self, work: Work) -> None:
        """Count ready work."""
        self.rows += 1
        self.bytes += work.row.weight

    def remove(self, work: Work) -> None:
        """Count it no more."""
        self.rows -= 1
        self.bytes -= work.row.weight
