"""What a job is handed: the process's context, and what this run is about.

A job knows no other context and calls this one so; where both are at hand, this one is the ``run``.
"""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from worker.context import Context
from worker.database import Database
from worker.settings import Settings
from worker.settings.model import MOST_SECONDS

if TYPE_CHECKING:  # the parts that a run does not use are not loaded for it
    from worker.arrivals import Arrivals
    from worker.clock import WallClock
    from worker.connections.tokens.access import Tokens
    from worker.connections.usable.gate import Gate
    from worker.connections.usable.holds import Holds
    from worker.delivery.recovery.missing import Healing
    from worker.delivery.store.journal import Journal
    from worker.envoy.api import EnvoyApi

MANUAL = "manual"
SCHEDULE = "schedule"
# A job's parameter, checked at start.
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run; ``connection`` and ``limit`` narrow it where the operator asked for that.

    ``everything``: a job that does a part of what is due at a time shall do all of it now.
    """

    context: Context
    run_id: str
    trigger: str = SCHEDULE
    connection: str | None = None
    limit: int | None = None
    everything: bool = False

    @property
    def scheduled(self) -> bool:
        """Whether the scheduler started it, and so will again."""
        return self.trigger == SCHEDULE

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.context.settings

    @property
    def database(self) -> Database:
        """The database."""
        return self.context.database

    @property
    def api(self) -> "EnvoyApi":
        """Envoy's API."""
        return self.context.api

    @property
    def tokens(self) -> "Tokens":
        """The one refresher."""
        return self.context.tokens

    @property
    def holds(self) -> "Holds":
        """The connections' holds and pace."""
        return self.context.holds

    @property
    def gate(self) -> "Gate":
        """The gate before Envoy's host."""
        return self.context.gate

    @property
    def wall_clock(self) -> "WallClock":
        """What notices that this host's clock is set."""
        return self.context.wall_clock

    @property
    def journal(self) -> "Journal":
        """Where this process's attempts are stored."""
        return self.context.journal

    @property
    def healing(self) -> "Healing":
        """What gives invites the deliveries that they lack."""
        return self.context.healing

    @property
    def arrivals(self) -> "Arrivals":
        """What notices that callers have written; a long run looks again where its count has grown."""
        return self.context.arrivals

    @property
    def stop(self) -> threading.Event:
        """Set when the process is to end: nothing new is begun."""
        return self.context.stop
