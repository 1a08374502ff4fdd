"""Everything that one sandbox knows, behind one lock."""

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.sandbox.app import App
from worker.sandbox.directory import Directory
from worker.sandbox.grants import Grants
from worker.sandbox.invites import Invites
from worker.sandbox.ledger import Ledger
from worker.sandbox.mischief import Mischief
from worker.sandbox.refusals import Dropped
from worker.sandbox.seed import seed
from worker.sandbox.values import Clock

if TYPE_CHECKING:
    from worker.sandbox.api import Handler


@dataclass(slots=True)
class State:
    """The parts of a sandbox; anyone who reads or changes one holds ``lock``."""

    app: App = field(default_factory=App)
    companies: int = 1
    clock: Clock = time.time
    port: int = 0  # where it answers
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    stopping: threading.Event = field(default_factory=threading.Event, repr=False)
    mischief: Mischief = field(default_factory=Mischief)
    directory: Directory = field(init=False, repr=False)
    invites: Invites = field(init=False, repr=False)
    grants: Grants = field(init=False, repr=False)
    ledger: Ledger = field(init=False, repr=False)
    # What answers a route (method, path) instead of what usually does.
    handlers: "dict[tuple[str, str], Handler]" = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.directory = Directory(self.clock)
        self.invites = Invites(self.directory, self.clock)
        self.grants = Grants(self.app, self.clock)
        self.ledger = Ledger(self.clock)
        seed(self.directory, self.companies)

    def wait(self, seconds: float) -> None:
        """Hold this request's thread; if the sandbox stops before it is over, its answer is lost."""
        if seconds > 0 and self.stopping.wait(seconds):
            raise Dropped
