"""One request on its way: until when, whether a byte of it may have left, and what its peer did."""

from collections.abc import Callable
from typing import TypeAlias

from worker.envoy.http.deadlines import Deadline
from worker.failpoints import failpoint

BeforeWrite: TypeAlias = Callable[[], None]


class Exchange:
    """What is known of one request while a thread makes it."""

    __slots__ = ("_before_write", "deadline", "heard", "peer_closed", "sent", "veto")

    def __init__(self, deadline: Deadline, before_write: BeforeWrite | None = None) -> None:
        """Nothing is sent yet; *before_write* is asked right before the first byte."""
        self.deadline = deadline
        self._before_write = before_write
        self.sent = False
        self.heard = False
        self.peer_closed = False
        self.veto: BaseException | None = None

    def first_byte(self) -> None:
        """Stand between the open connection and the first byte: the last chance to stop."""
        try:
            if self._before_write is not None:
                self._before_write()
        except BaseException as veto:
            self.veto = veto
            raise
        self.deadline.remaining()
        self.sent = True

    def written(self) -> None:
        """Take in that the request has left this process."""
        if self._before_write is not None:
            failpoint("after_bytes_written")

    def hear(self, data: bytes) -> None:
        """Take in what came from the peer; nothing means that it closed."""
        if not data:
            self.peer_closed = True
        elif not self.heard:
            self.heard = True
            if self._before_write is not None:
                failpoint("after_envoy_committed")
