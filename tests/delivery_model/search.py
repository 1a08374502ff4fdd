"""Go through every order in which things may happen, breadth first."""

from dataclasses import dataclass, field
from itertools import chain

from tests.delivery_model import journal, surroundings, workers
from tests.delivery_model.judging import End, wrong
from tests.delivery_model.scope import Scope
from tests.delivery_model.state import State


@dataclass(slots=True)
class Found:
    """How far a search came, and the shortest way to what is wrong, if anything is."""

    states: int = 0
    depth: int = 0
    complete: bool = False
    reason: str = ""
    path: list[str] = field(default_factory=list)


def search(scope: Scope, *, depth: int = 1_000, most: int = 10_000_000) -> Found:
    """Search until something is wrong, all was seen, or the depth is reached."""
    start, end = scope.start(), End(scope)
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    level, found = [start], Found()
    while level and found.depth < depth and len(came_from) < most:
        following: list[State] = []
        for state in level:
            for label, after in chain(
                workers.moves(state, scope), journal.moves(state, scope), surroundings.moves(state, scope)
            ):
                if after in came_from:
                    continue
                came_from[after] = (state, label)
                if reason := wrong(after) or end.wrong(after):
                    return Found(len(came_from), found.depth + 1, False, reason, _path(came_from, after))
                following.append(after)
        level = following
        found.depth += bool(level)
    found.states, found.complete = len(came_from), not level
    return found


def _path(came_from: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    """Return what was done to come to a state."""
    labels: list[str] = []
    while (before := came_from[state]) is not None:
        state, label = before
        labels.append(label)
    return labels[::-1]
