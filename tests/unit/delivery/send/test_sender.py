"""A sender gives back what it could not send, so that it is not lost to the run."""

import threading
from typing import Any, NoReturn

import pytest

from tests.due_rows import NOW, due_row
from worker.connections.tokens.expiry import AccessToken
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.plan import Call
from worker.delivery.send.sender import Sender
from worker.delivery.store.claims import WaitedTooLong
from worker.errors import DatabaseLocked
from worker.invites import Kind


class Lanes:
    """Hands one work out, and notes how it was given back."""

    def __init__(self) -> None:
        """Begin with one work."""
        lane = Lane(1, "acme", token=AccessToken("token", 1, NOW, NOW))
        self.left = [Work(lane, due_row(), Call(Kind.CREATE))]
        self.came: list[str] = []

    def take(self) -> Work | None:
        """Return the work, once."""
        return self.left.pop() if self.left else None

    def put_back(self, _work: Work) -> None:
        """Note it."""
        self.came.append("put back")

    def done(self, _work: Work, *, progressed: bool, attempted: bool) -> None:
        """Note it."""
        self.came.append(f"done {progressed} {attempted}")


class Claims:
    """Grants nothing."""

    def __init__(self, error: Exception) -> None:
        """Take what is raised instead."""
        self._error = error

    def take(self, *_: Any, **__: Any) -> NoReturn:
        """Raise it."""
        raise self._error


class Gate:
    """Is open."""

    is_open = True


def sender(lanes: Lanes, error: Exception) -> Sender:
    """Return a sender whose claims fail."""
    parts: dict[str, Any] = {
        "lanes": lanes, "database": None, "gate": Gate(), "claims": Claims(error), "requests": None,
        "hand_over": None,
    }  # fmt: skip
    return Sender(**parts, room=lambda: True, patience_seconds=0, stop=threading.Event())


def test_what_waited_too_long_is_the_next_of_its_lane() -> None:
    """It is no end of the run, and the row has not come to anything."""
    lanes = Lanes()
    sender(lanes, WaitedTooLong()).run()

    assert lanes.came == ["put back"]


def test_what_the_database_did_not_take_is_given_back_before_the_run_ends() -> None:
    """The error is the run's; nobody waits for that work any more."""
    lanes = Lanes()
    with pytest.raises(DatabaseLocked):
        sender(lanes, DatabaseLocked("locked")).run()

    assert lanes.came == ["done False False"]
