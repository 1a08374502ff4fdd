"""Workers as real processes: started by the forked_commands, signalled by pid, reaped whatever happens."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from tests.waiting import wait_until
from worker.errors import ExitCode

ROOT = Path(__file__).parents[1]
# The service goes on until it is killed.
ENDS = {"run-once": {ExitCode.DONE, ExitCode.REJECTED, ExitCode.TRY_LATER, ExitCode.UNREACHABLE}}
BUGS = ("Traceback", '"error_code": "unexpected"')


@dataclass(eq=False)
class Worker:
    """One process; what it prints goes to a file, or to one for stdout and another for stderr."""

    forked_commands: "ForkedCommands" = field(repr=False)
    pid: int
    command: str
    output: Path
    errors: Path
    code: int | None = None

    def ended(self) -> bool:
        """Return whether it is gone, and keep its exit code."""
        if self.code is None:
            self.code = self.forked_commands.code_of(self.pid)
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


class Piped:
    """One process whose streams are pipes, with as much of the ways of a `Popen` as the tests use."""

    def __init__(self, worker: Worker, stdin: IO[str], stdout: IO[str], stderr: IO[str]) -> None:
        """Take over the worker, and our ends of its pipes."""
        self._worker = worker
        self.pid = worker.pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr

    def __enter__(self) -> Self:
        """Give the process itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for its end."""
        self._hang_up()
        self.wait()

    @property
    def returncode(self) -> int | None:
        """How it ended, as far as anybody has asked."""
        return self._worker.code

    def poll(self) -> int | None:
        """Return how it ended, None while it lives."""
        return self._worker.code if self._worker.ended() else None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it is gone."""
        self._worker.send(signal.Signals(number))

    def terminate(self) -> None:
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = 60) -> int:
        """Wait for its end, and return its exit code."""
        return self._worker.wait(timeout)

    def communicate(self, typed: str = "", *, timeout: float) -> tuple[str, str]:
        """Type the rest, wait for the end, and return what was printed; one that does not end is killed."""
        with ThreadPoolExecutor(3) as pool:
            pool.submit(self._type, typed)
            printed = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            try:
                out, err = (one.result(timeout) for one in printed)
            except TimeoutError:
                self.kill()
                raise
        self._hang_up()
        self.wait(timeout)
        return out, err

    def _type(self, text: str) -> None:
        with suppress(BrokenPipeError, ValueError):  # it has ended, or stdin is closed already
            self.stdin.write(text)
            self.stdin.close()

    def _hang_up(self) -> None:
        self._type("")
        self.stdout.close()
        self.stderr.close()


class ForkedCommands:
    """The process that all workers are forked from; see ``forked_commands.py``."""

    def __init__(self, folder: Path) -> None:
        """Start it, and wait until it has imported everything."""
        self._folder = folder
        self._started = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked_commands"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for pytest, which then ends it in order
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "it did not start"

    def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        typed: str = "",
        apart: bool = False,
        folder: Path = ROOT,
    ) -> Worker:
        """Start a command in a folder, that reads what is typed; its stderr may be kept apart."""
        self._started += 1
        name = "-".join([str(self._started), *command[:1]])
        typing, output = self._folder / f"{name}.in", self._folder / f"{name}.log"
        errors = output.with_suffix(".err") if apart else output
        typing.write_text(typed)
        for file in (output, errors):
            file.touch()
        streams = [str(file) for file in (typing, output, errors)]
        pid = self._forked(command, env, streams, folder)
        return Worker(self, pid, "".join(command[:1]), output, errors)

    def start_piped(self, command: Sequence[str], env: Mapping[str, str]) -> Piped:
        """Start a command whose streams are pipes, to type to it and to read what it prints as it comes."""
        self._started += 1
        names = [self._folder / f"{self._started}.{stream}" for stream in ("in", "out", "err")]
        for name in names:
            os.mkfifo(name)
        pid = self._forked(command, env, [str(name) for name in names], ROOT)
        # Each of these waits for the child, which opens its ends in the same order.
        ends = [name.open(mode, encoding="utf-8") for name, mode in zip(names, "wrr", strict=True)]
        for name in names:
            name.unlink()
        _, out, err = names
        return Piped(Worker(self, pid, "".join(command[:1]), out, err), *ends)

    def _forked(
        self, command: Sequence[str], env: Mapping[str, str], streams: Sequence[str], folder: Path
    ) -> int:
        request = {"command": list(command), "env": dict(env), "streams": streams, "folder": str(folder)}
        pid = self._ask(request)
        assert pid is not None
        return pid

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
