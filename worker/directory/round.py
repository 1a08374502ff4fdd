"""A round of all directories that are due: a few at once, and what is unchanged is noted together."""

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from worker.clock import boot_clock
from worker.connections.tokens.access import Tokens
from worker.database import Database
from worker.directory import store
from worker.directory.due import Due, DuePages
from worker.directory.refresh import read, tell
from worker.envoy.api import EnvoyApi
from worker.errors import EnvoyError, NeedsAuthorisation, TryLater
from worker.report import Report

A_READERS_SHARE = 4  # of a page of due connections: how they stand is known for so many turns
NOTED_AT_ONCE = 100
NOTED_EVERY_SECONDS = 5.0

log = structlog.get_logger()


@dataclass(slots=True)
class Round:
    """Reads what *due* gives with so many readers; one that waits for its customer keeps no other waiting."""

    database: Database
    api: EnvoyApi
    tokens: Tokens
    due: DuePages
    readers: int
    stop: threading.Event
    report: Report = field(default_factory=Report)
    clock: Callable[[], float] = boot_clock
    _page: deque[Due] = field(default_factory=deque)
    _unchanged: dict[int, datetime] = field(default_factory=dict)  # and when Envoy was asked
    _noted_at: float = 0.0
    _is_over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> Report:
        """Read until none is due, and return what became of it.

        Raises:
            WorkerError: no customer's trouble, but the database's or the keys'; the round ends for it.
        """
        self._noted_at = self.clock()
        first = self._next()
        if first is None:
            return self.report
        with ThreadPoolExecutor(self.readers, thread_name_prefix="directory") as pool:
            turns = [first, *(None,) * (self.readers - 1)]
            tasks = [pool.submit(contextvars.copy_context().run, self._read_on, turn) for turn in turns]
        for task in tasks:
            task.result()
        self._note()
        return self.report

    def _read_on(self, due: Due | None) -> None:
        """Read one directory after the other."""
        try:
            while (due := due or self._next()) is not None:
                self._turn(due)
                due = None
        except BaseException:
            self._is_over = True  # what ends one reader ends them all
            raise

    def _next(self) -> Due | None:
        with self._lock:
            if self._is_over or self.stop.is_set():
                return None
            if not self._page:
                self._page.extend(self.due.next(self.readers * A_READERS_SHARE))
            return self._page.popleft() if self._page else None

    def _turn(self, due: Due) -> None:
        if due.is_held:
            self.report.add("held")
            return
        try:
            self._refresh(due)
        except (EnvoyError, NeedsAuthorisation, TryLater) as error:
            self._failed(due, error)
        else:
            self.report.add("refreshed")

    def _refresh(self, due: Due) -> None:
        content = read(self.api, self.tokens, due.id)
        if not store.is_stored(self.database, due.id, content):
            store.replace(self.database, due.id, content, asked_at=due.now)
        elif self._is_time_to_note(due):
            self._note()
        tell(due.name, content)

    def _failed(self, due: Due, error: EnvoyError | NeedsAuthorisation | TryLater) -> None:
        self.report.trouble(error.exit_code)
        if self.stop.is_set():
            return  # it was given up, and says nothing of the customer
        self.report.add("failed")
        if isinstance(error, EnvoyError):  # the others are told where they are found
            log.warning(
                "directory.refresh_failed",
                connection=due.name,
                http_status=error.http_status,
                error_code=error.error_code,
            )

    def _is_time_to_note(self, due: Due) -> bool:
        """Remember a directory that is as it was, and say whether it is time to store that of all."""
        with self._lock:
            self._unchanged[due.id] = due.now
            is_late = self.clock() - self._noted_at >= NOTED_EVERY_SECONDS
            return is_late or len(self._unchanged) >= NOTED_AT_ONCE

    def _note(self) -> None:
        with self._lock:
            noted, self._unchanged = self._unchanged, {}
            self._noted_at = self.clock()
        if noted:
            store.note_unchanged(self.database, noted)
