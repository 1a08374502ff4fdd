"""Journals without a thread: what is submitted is committed by anyone who says so, before anything else."""

import threading
import time

from worker.database import Database
from worker.delivery.store.entries import Entry
from worker.delivery.store.journal import Journal


class InlineJournal(Journal):
    """Writes each entry in a transaction of its own, on its caller's thread.

    So whatever a test does right before a statement takes effect may write, too.
    """

    def __init__(self, database: Database) -> None:
        """Take no stop: nothing waits here for long."""
        super().__init__(database, most_aside=1, stop=threading.Event())

    def submit(self, entry: Entry) -> None:
        """Commit it, again and again until it is told."""
        self.finish([entry])

    def finish(self, group: list[Entry]) -> None:
        """Commit entries together, and what that leaves, until all are told."""
        while group:
            self.write_group(group)
            time.sleep(self._aside.seconds() or 0.0)
            group = self._aside.due(len(group))


class GatheringJournal(InlineJournal):
    """Keeps what is submitted, for one transaction."""

    def __init__(self, database: Database) -> None:
        """Hold nothing yet."""
        super().__init__(database)
        self.held: list[Entry] = []

    def submit(self, entry: Entry) -> None:
        """Keep it."""
        self.held.append(entry)

    def finish_all(self) -> None:
        """Commit all together."""
        held, self.held = self.held, []
        self.finish(held)
