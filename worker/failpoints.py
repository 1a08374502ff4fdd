"""Named places at which a test ends the process as a crash would; switched off, each costs a comparison.

``WORKER_FAILPOINTS=after_intent:3`` in the environment kills the process (SIGKILL) when it comes to
that place for the third time; several are separated by commas.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

VARIABLE = "WORKER_FAILPOINTS"
NAMES = (
    "before_claim",
    "after_intent",
    "before_connect",
    "after_bytes_written",
    "after_envoy_committed",
    "after_answer",
    "before_verdict_commit",
    "after_verdict_commit",
    "before_group_commit",
    "after_group_commit",
    "before_refresh",
    "after_token_answer",
    "after_token_commit",
    "before_look_up",
    "after_look_up",
    "after_look_up_commit",
)
OF_RETENTION = ("before_clear", "after_clear_commit")  # where no delivery comes by
# Where only a row comes by that nothing is sent for, or not yet.
WITHOUT_CALL = ("before_finish", "before_restored", "after_restored")

Action = Callable[[], object]


class _Armed:
    """The places that are switched on, and how often each must still be reached."""

    def __init__(self, places: Mapping[str, int], action: Action) -> None:
        self._left = dict(places)
        self._action = action
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        with self._lock:
            if name not in self._left:
                return
            self._left[name] -= 1
            due = self._left[name] == 0
        if due:
            self._action()


_armed: _Armed | None = None


def failpoint(name: str) -> None:
    """Mark a place; nothing happens unless a test has armed it."""
    if _armed is not None:
        _armed.reach(name)


@contextmanager
def armed(name: str, *, nth: int = 1, action: Action) -> Iterator[None]:
    """Call *action* when this process reaches the place for the *nth* time within the block."""
    global _armed  # noqa: PLW0603 -- one comparison is all that a place may cost
    before, _armed = _armed, _Armed(_known({name: nth}), action)
    try:
        yield
    finally:
        _armed = before


def arm_from(env: Mapping[str, str]) -> None:
    """Arm what the environment names, to be killed there."""
    global _armed  # noqa: PLW0603 -- as above
    if text := env.get(VARIABLE):
        pairs = (part.strip().partition(":") for part in text.split(","))
        _armed = _Armed(_known({name: int(nth or 1) for name, _, nth in pairs}), _kill)


def _known(places: dict[str, int]) -> dict[str, int]:
    if unknown := places.keys() - {*NAMES, *OF_RETENTION, *WITHOUT_CALL}:
        raise ValueError(f"no such failpoint: {', '.join(sorted(unknown))}")
    return places


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
