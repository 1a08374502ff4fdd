"""Workers as real processes: started by the zygote, signalled by pid, reaped whatever happens."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import wait_until
from worker.errors import ExitCode

ROOT = Path(__file__).parents[1]
# The service goes on until it is killed.
ENDS = {"run-once": {ExitCode.DONE, ExitCode.REJECTED, ExitCode.TRY_LATER, ExitCode.UNREACHABLE}}
BUGS = ("Traceback", '"error_code": "unexpected"')


@dataclass(eq=False)
class Worker:
    """One process; what it prints goes to a file, or to one for stdout and another for stderr."""

    zygote: "Zygote" = field(repr=False)
    pid: int
    command: str
    output: Path
    errors: Path
    code: int | None = None

    def ended(self) -> bool:
        """Say whether it is gone, and keep its exit code."""
        if self.code is None:
            self.code = self.zygote.code_of(self.pid)
        return self.code is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it is gone; while nobody asked, its pid is nobody else's."""
        if not self.ended():
            os.kill(self.pid, number)

    def wait(self, seconds: float = 30) -> int:
        """Wait for its end, and return its exit code."""
        wait_until(self.ended, seconds)
        assert self.code is not None
        return self.code

    def kill(self) -> None:
        """Kill it as a crash would, unless it is gone, and reap it."""
        self.send(signal.SIGKILL)
        self.wait()

    def printed(self) -> tuple[str, str]:
        """Return what it has printed so far: to stdout, and to stderr."""
        return self.output.read_text(), self.errors.read_text()

    def require_no_bug(self, *ends: int) -> None:
        """Fail where it ended as it should not, or told of an error that nobody expected."""
        printed = self.output.read_text()
        assert self.code in (ends or {-signal.SIGKILL, *ENDS.get(self.command, ())}), printed[-2000:]
        assert [line for line in printed.splitlines() if any(sign in line for sign in BUGS)] == []


class Zygote:
    """The process that all workers are forked from; see ``zygote.py``."""

    def __init__(self, folder: Path) -> None:
        """Start it, and wait until it has imported everything."""
        self._folder = folder
        self._started = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for pytest, which then ends it in order
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "it did not start"

    def start(
        self, command: Sequence[str], env: Mapping[str, str], *, typed: str = "", apart: bool = False
    ) -> Worker:
        """Start a command that reads what is typed; what it prints to stderr may be kept apart."""
        self._started += 1
        name = "-".join([str(self._started), *command[:1]])
        typing, output = self._folder / f"{name}.in", self._folder / f"{name}.log"
        errors = output.with_suffix(".err") if apart else output
        typing.write_text(typed)
        for file in (output, errors):
            file.touch()
        streams = [str(file) for file in (typing, output, errors)]
        pid = self._ask({"command": list(command), "env": dict(env), "streams": streams})
        assert pid is not None
        return Worker(self, pid, "".join(command[:1]), output, errors)

    def code_of(self, pid: int) -> int | None:
        """Return how a child ended, None while it lives."""
        return self._ask({"wait": pid})

    def close(self) -> None:
        """End it, and every child that is left."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ask(self, request: object) -> int | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        number: int | None = json.loads(self._process.stdout.readline())
        return number
