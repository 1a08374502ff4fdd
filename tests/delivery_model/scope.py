"""What a search goes through: which rows and workers, and what may happen in it."""

from dataclasses import dataclass, replace
from typing import Self

from tests.delivery_model.state import Budget, Row, State, Worker
from tests.delivery_model.statements import ALL, Guards


@dataclass(frozen=True, slots=True)
class Scope:
    """So many rows of equal content and workers, what may happen how often, and how often is looked."""

    left: Budget
    rows: int = 1
    workers: int = 2
    looks: int = 1  # 0: the customer lets us read no invites
    on: Guards = ALL

    def without(self, guard: str) -> Self:
        """Return the same without one guard."""
        return replace(self, on=self.on._replace(**{guard: False}))

    def start(self) -> State:
        """Return the beginning: nothing was done yet."""
        return State(rows=(Row(),) * self.rows, workers=(Worker(),) * self.workers, left=self.left)
