"""The journal: claims, verdicts and small writes that wait are one commit, whenever it is free.

One thread a process takes all that has come in, commits it, tells those who wait, and looks again; no timer.
It never waits for a row's lock.  A verdict whose row somebody has locked waits aside, without a transaction;
so do those that a database that is away did not take.  While too many wait, no claim is granted.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from worker.database import Database
from worker.database.failures import is_of_one_statement
from worker.database.meanings import locked
from worker.delivery.store.aside import Aside
from worker.delivery.store.entries import Entry
from worker.delivery.store.group import Group
from worker.delivery.store.small_write import SmallWrite

MOST_ENTRIES = 256  # of a group
IDLE_SECONDS = 2.0  # without work the thread ends, so that a process may end that never said so
HEED_SECONDS = 0.1  # how soon a stop is heeded by what waits

Result = TypeVar("Result")


class Journal:
    """Where one process writes what its attempts come to."""

    def __init__(self, database: Database, *, most_aside: int, stop: threading.Event) -> None:
        """Begin nothing yet; no claim is granted while *most_aside* verdicts could not be stored."""
        self._group = Group(database)
        self._most_aside = most_aside
        self._stop = stop
        self._changed = threading.Condition(threading.Lock())
        self._queue: deque[Entry] = deque()
        self._aside = Aside()
        self._thread: threading.Thread | None = None
        self._is_idle = False
        self._in_hand = 0
        self._closing = False
        self._stopping = False
        self._away: Exception | None = None  # what the database said when it last took nothing

    @property
    def in_hand(self) -> int:
        """How many verdicts are not stored yet."""
        return self._in_hand

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Do a small write within the next transaction; return what it returned, after the commit.

        It must not wait for a row's lock, and may be done again after a rollback.

        Raises:
            WorkerError, SQLAlchemyError: it was not committed.
        """
        entry = SmallWrite(work)
        self.submit(entry)
        entry.wait()
        return entry.result

    def submit(self, entry: Entry) -> None:
        """Take an entry; it is told of its end on the journal's thread.

        Raises:
            RuntimeError: the system gives no thread; the entry was not taken.
        """
        with self._changed:
            if self._thread is None:
                self._begin()
            self._in_hand += entry.is_verdict
            self._queue.append(entry)
            if self._is_idle:
                self._is_idle = False
                self._changed.notify_all()

    def close(self) -> None:
        """Return when nothing waits any more; each verdict is offered for as long as its patience lasts."""
        with self._changed:
            thread = self._thread
            self._closing = True
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _begin(self) -> None:
        """Start the thread; it comes to what is queued once the lock is free."""
        thread = threading.Thread(target=self._run, name="journal")
        thread.start()
        self._thread, self._closing = thread, False

    def _run(self) -> None:
        while (group := self._next()) is not None:
            self.write_group(group)

    def write_group(self, entries: Sequence[Entry]) -> None:
        """Commit entries together, and tell them, or set them aside."""
        try:
            self._commit(entries)
        except BaseException as error:  # noqa: BLE001 -- somebody waits for each of them
            self._die(entries, error)

    def _next(self) -> list[Entry] | None:
        """Wait for work, and return what is one transaction; None if the thread is to end."""
        with self._changed:
            while True:
                self._heed_stop()
                if group := self._taken():
                    return group
                waiting = self._aside.seconds()
                if waiting is None and self._closing:
                    break
                limit = IDLE_SECONDS if waiting is None else min(waiting, HEED_SECONDS)
                self._is_idle = True
                woken = self._changed.wait(limit)
                self._is_idle = False
                if waiting is None and not woken and not self._queue:
                    break
            self._thread = None
            return None

    def _heed_stop(self) -> None:
        """Once the process is to end, nothing is claimed any more, and verdicts are offered at once."""
        was_stopping, self._stopping = self._stopping, self._stop.is_set()
        if not self._stopping:
            return
        if not was_stopping:
            self._aside.hurry()
        for claim in self._aside.unblocked():
            self._tell(claim, claim.done)

    def _taken(self) -> list[Entry]:
        """Return the next entries, of different rows."""
        is_full = self._aside.verdicts >= self._most_aside
        if not is_full:
            self._queue.extendleft(reversed(self._aside.unblocked()))
        group = self._aside.due(MOST_ENTRIES // 2)
        if group and group[0].alone:
            return group
        rows = {entry.delivery_id for entry in group}
        later: list[Entry] = []
        while self._queue and len(group) < MOST_ENTRIES:
            entry = self._queue.popleft()
            if entry.is_claim and is_full:
                self._aside.block(entry)
            elif entry.delivery_id in rows and entry.delivery_id is not None:
                later.append(entry)  # in the order in which they came
            else:
                rows.add(entry.delivery_id)
                group.append(entry)
        self._queue.extendleft(reversed(later))
        return group

    def _commit(self, offered: Sequence[Entry], *, closely: bool = False) -> None:
        entries = [entry for entry in offered if not self._is_given_up(entry)]
        if not entries:
            return
        try:
            room = self._most_aside - self._aside.verdicts
            left = self._group.commit(entries, room=room, closely=closely)
        except Exception as error:  # noqa: BLE001 -- each entry knows what it means
            self._failed(entries, error)
            return
        if self._away is not None:
            self._away = None
            self._aside.hurry()
        locked_verdicts = [entry for entry in left.locked if not entry.is_claim]
        kept = {id(entry) for entry in (*left.blocked, *left.unclear, *locked_verdicts)}
        for entry in entries:
            if id(entry) not in kept:
                self._tell(entry, entry.done)
        for entry in locked_verdicts:
            self._offer(entry, locked())
        for entry in left.blocked:
            self._aside.block(entry)
        if left.unclear:
            self._commit(left.unclear, closely=True)

    def _is_given_up(self, entry: Entry) -> bool:
        """Give up what became late while it waited, or while others were offered one by one."""
        if entry.is_late():
            self._tell(entry, entry.give_up)
        return entry.is_over

    def _failed(self, entries: Sequence[Entry], error: Exception) -> None:
        """Do one by one what failed together, unless the database takes nothing at all."""
        if not is_of_one_statement(error):
            self._away = error
            self._offer_all([*entries, *self._aside.unblocked()], error)
        elif len(entries) == 1:
            self._offer(entries[0], error)
        else:
            self._one_by_one(entries)

    def _one_by_one(self, entries: Sequence[Entry]) -> None:
        self._away = None
        for number, entry in enumerate(entries, start=1):
            self._commit([entry])
            if self._away is not None:  # since then; what the group failed for is not the others' error
                self._offer_all(entries[number:], self._away)
                break

    def _offer_all(self, entries: Sequence[Entry], error: Exception) -> None:
        for entry in entries:
            self._offer(entry, error, in_company=len(entries) > 1)

    def _offer(self, entry: Entry, error: Exception, *, in_company: bool = False) -> None:
        again = entry.again(error, in_company=in_company)
        if again is None:
            self._tell(entry, partial(entry.failed, error))
        else:
            self._aside.put(entry, again)

    def _die(self, entries: Sequence[Entry], error: BaseException) -> None:
        """Tell all that waits of what can only be a mistake of ours, or a test's end of the process."""
        with self._changed:
            queue = [*self._queue]
            self._queue.clear()
        for entry in (*entries, *self._aside.all(), *queue):
            if not entry.is_over:
                with suppress(Exception):
                    self._tell(entry, partial(entry.failed, error))

    def _tell(self, entry: Entry, tell: Callable[[], None]) -> None:
        tell()
        entry.is_over = True
        if entry.is_verdict:
            with self._changed:
                self._in_hand -= 1
