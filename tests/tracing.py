"""The way of something through the worker: which of its files are executed, in which order."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import worker

ROOT = f"{Path(worker.__file__).parent}/"


@dataclass(frozen=True, slots=True)
class Step:
    """A function of the worker is entered, or left."""

    thread: int
    file: str  # below worker/
    function: str
    is_end: bool

    def is_of(self, function: Callable[..., Any]) -> bool:
        """Return whether it is of that function."""
        code = function.__code__
        return (self.file, self.function) == (code.co_filename.removeprefix(ROOT), code.co_qualname)


@contextmanager
def traced() -> Iterator[list[Step]]:
    """Collect the steps of this thread, and of all that begin until the block ends."""
    steps: list[Step] = []

    def see(frame: FrameType, *, is_end: bool) -> None:
        code = frame.f_code
        file = code.co_filename.removeprefix(ROOT)
        steps.append(Step(threading.get_ident(), file, code.co_qualname, is_end))

    def left(frame: FrameType, event: str, _: object) -> Any:
        if event == "return":
            see(frame, is_end=True)
        return left

    def entered(frame: FrameType, _event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(ROOT):
            return None
        frame.f_trace_lines = False
        see(frame, is_end=False)
        return left

    before = sys.gettrace()
    threading.settrace(entered)
    sys.settrace(entered)
    try:
        yield steps
    finally:
        sys.settrace(before)
        threading.settrace(before)


def files_between(
    steps: Sequence[Step], first: Callable[..., Any], last: Callable[..., Any], *, packages: Sequence[str]
) -> list[str]:
    """Return the files of *packages* that a thread executes from the call of *first* to the end of *last*."""
    begin = next(at for at, step in enumerate(steps) if step.is_of(first) and not step.is_end)
    own = [step for step in steps[begin:] if step.thread == steps[begin].thread]
    end = next(at for at, step in enumerate(own) if step.is_of(last) and step.is_end)
    found = dict.fromkeys(step.file for step in own[: end + 1])
    return [file for file in found if file.startswith(tuple(packages))]
