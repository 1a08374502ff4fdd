"""Runs the sandbox in the foreground, for the command line."""

import signal
import threading
from collections.abc import Callable
from typing import TypedDict, Unpack

from worker.sandbox.faults import Faults
from worker.sandbox.sandbox import Sandbox

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Options(TypedDict, total=False):
    """The keyword arguments of Sandbox."""

    client_id: str
    client_secret: str
    access_token_seconds: float
    refresh_token_seconds: float
    refresh_grace_seconds: float
    scopes: tuple[str, ...]
    faults: Faults
    companies: int


def serve(port: int, *, announce: Callable[[Sandbox], None], **options: Unpack[Options]) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP; *announce* is called once, when requests are answered.

    To be called in the main thread.  OSError if the port is taken.
    """
    # Before the port opens, so that an early signal is not lost.
    ended = threading.Event()
    # By nohup a terminal's end is ignored, and stays so.
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in heeded}
    try:
        with Sandbox(port, **options) as sandbox:
            announce(sandbox)
            ended.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
