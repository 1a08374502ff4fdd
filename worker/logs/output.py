"""The stream of the log: whatever becomes of it, the worker goes on."""

import contextlib
import os
import select
import threading
from typing import TextIO

PATIENCE_SECONDS = 2.0
# What a pipe that is ready to be written takes without blocking (POSIX, PIPE_BUF on Linux).
PORTION = 4096


class Output:
    """Writes whole lines; a line that the stream does not take is dropped and counted.

    A reader that has stopped reading costs ``patience`` once, and then nothing until it reads again.
    """

    def __init__(self, stream: TextIO | None, *, patience: float = PATIENCE_SECONDS) -> None:
        """Write to *stream*; it stays its owner's, who may close it at any time."""
        self._stream = stream
        self._patience = patience
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._stuck = False
        self._torn = False
        # Re-entrant: the garbage collector may warn, and so log, in the middle of a line.
        self._lock = threading.RLock()
        self.dropped = 0

    def line(self, text: str) -> None:
        """Write one line; never raises."""
        with self._lock:
            try:
                self._write(text.encode(self._encoding, "backslashreplace") + b"\n")
            except (OSError, ValueError):
                self.dropped += 1

    # structlog calls the method that is named after the level.
    debug = info = warning = error = critical = line

    def _write(self, data: bytes) -> None:
        if self._stream is None or self._stream.closed:
            raise ValueError("no stream")
        descriptor = self._descriptor()
        if descriptor is None:
            self._stream.write(data.decode(self._encoding))
            self._stream.flush()
            return
        # Not through the stream's buffer: what a failure leaves in there would fail again at exit.
        rest = memoryview(b"\n" + data if self._torn else data)
        while rest:
            self._wait(descriptor)
            rest = rest[os.write(descriptor, rest[:PORTION]) :]
            self._torn = bool(rest)

    def _descriptor(self) -> int | None:
        """Ask again each time: a closed descriptor's number may belong to another file by now."""
        with contextlib.suppress(OSError, AttributeError):  # io.UnsupportedOperation is an OSError
            return self._stream.fileno() if self._stream else None
        return None

    def _wait(self, descriptor: int) -> None:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        ready = bool(poll.poll(0 if self._stuck else self._patience * 1000))
        self._stuck = not ready
        if not ready:
            raise BlockingIOError
