"""What waits in the journal: who writes it, and whom to tell."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from worker.errors import DatabaseConflict

if TYPE_CHECKING:
    from worker.database.postgresql.one_trip import Rows, Statement

TIMES = 5  # that one is tried whose transaction was rolled back for another's sake
CONFLICT_PAUSE_SECONDS = 0.02


class Entry(ABC):
    """One thing that is to be written, and then told.

    ``delivery_id`` is the row that it writes to, None if it has none.
    """

    is_claim = False
    is_verdict = False
    alone = False  # it is no good company: it is offered by itself
    is_over = False  # it was told

    def __init__(self, part: "Part", delivery_id: int | None = None) -> None:
        """Take what writes it."""
        self.part = part
        self.delivery_id = delivery_id

    def begin(self) -> None:  # noqa: B027 -- most have nothing to do
        """Get ready, right before a transaction begins; maybe several times."""

    def is_late(self) -> bool:
        """Return whether it has waited for so long that it is not to be written any more."""
        return False

    def give_up(self) -> None:
        """Tell that it is not written, since it is late."""
        self.done()

    @abstractmethod
    def done(self) -> None:
        """Tell that it is committed, or that its row was left."""

    @abstractmethod
    def failed(self, error: BaseException) -> None:
        """Tell that it is not committed, for all that is known."""

    @abstractmethod
    def again(self, error: BaseException, *, in_company: bool) -> float | None:
        """Return in how many seconds to offer it again after a failure, None for never.

        *in_company*: others were in that transaction, so that the error may be theirs.
        """


class Part(ABC):
    """What writes the entries of one kind."""

    def call(self, entries: Sequence[Any]) -> "Statement | None":  # noqa: ARG002 -- most have none
        """Return one statement of PostgreSQL's that writes them, but for those whose rows are locked.

        None if it takes more than that.
        """
        return None

    def heard(self, entries: Sequence[Any], rows: "Rows") -> Sequence[Any]:
        """Note at each entry what came of that call, once it is committed; return those that it left."""
        raise NotImplementedError

    @abstractmethod
    def write(self, connection: sa.Connection, entries: Sequence[Any]) -> None:
        """Write them within a transaction, and note at each what came of it.

        It waits for no row's lock, and may be called again after a rollback.
        """


class Waited(Entry):
    """An entry that a thread waits for."""

    def __init__(self, part: Part, delivery_id: int | None = None) -> None:
        """Begin to wait; a bare lock is the cheapest way to wake one thread."""
        super().__init__(part, delivery_id)
        self._told = threading.Lock()
        self._told.acquire()
        self._error: BaseException | None = None
        self._conflicts = 0

    def wait(self) -> None:
        """Return when it is done.

        Raises:
            WorkerError, SQLAlchemyError: it was not committed, or nobody knows.
        """
        self._told.acquire()
        if self._error is not None:
            raise self._error

    def done(self) -> None:
        """Wake the one who waits."""
        self._told.release()

    def failed(self, error: BaseException) -> None:
        """Let the one who waits raise the error."""
        self._error = error
        self._told.release()

    def again(self, error: BaseException, *, in_company: bool) -> float | None:  # noqa: ARG002 -- see above
        """Offer again what was rolled back for another's sake, a few times."""
        if not isinstance(error, DatabaseConflict):
            return None
        self._conflicts += 1
        return CONFLICT_PAUSE_SECONDS if self._conflicts < TIMES else None
