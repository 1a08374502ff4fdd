"""Commands of the worker, run as a person would run them, and what each used."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

LOOK_EVERY_SECONDS = 0.1
ENDS_WITHIN_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Used:
    """What one command used; ``lines`` are its events about jobs, and all it printed if it failed."""

    exit_code: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    threads: int
    databases: int
    ended: bool  # by itself
    lines: list[str] = field(repr=False)

    def event(self, name: str, job: str = "push_invites") -> dict[str, Any]:
        """Return the last event of that name about a job."""
        found = [json.loads(line) for line in self.lines if f'"{name}"' in line and f'"{job}"' in line]
        if not found:
            raise SystemExit(f"no event {name} of {job}: {self}")
        last: dict[str, Any] = found[-1]
        return last

    @property
    def job_seconds(self) -> float:
        """How long the push took, without the process's start and end."""
        return float(self.event("job.finished")["duration_ms"]) / 1000

    @property
    def job_began(self) -> float:
        """When the push began, by the host's monotonic clock."""
        wall = datetime.fromisoformat(self.event("job.started")["ts"]).timestamp()
        return wall - (time.time() - time.monotonic())


class Running:
    """A command of the worker that runs."""

    def __init__(self, env: Mapping[str, str], log: Path, arguments: tuple[str, ...]) -> None:
        """Start it; what it prints goes into a file, which costs the measurement nothing."""
        self.arguments = arguments
        self.log = log
        command = [sys.executable, "-m", "bench.watch", sys.executable, "-m", "worker", *arguments]
        with log.open("wb") as onto:
            self._process = subprocess.Popen(command, env=dict(env), stdout=subprocess.PIPE, stderr=onto)

    @property
    def pid(self) -> int:
        """The worker's process, once it is there."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while not (found := children.read_text().split()):
            time.sleep(0.01)
        return int(found[0])

    def said(self, event: str) -> bool:
        """Return whether it has told such an event by now."""
        return f'"{event}"' in self.log.read_text(encoding="utf-8", errors="replace")

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is done, and say so; False where the command, or the time, ended before."""
        ends_at = time.monotonic() + seconds
        while not done():
            if self._process.poll() is not None or time.monotonic() > ends_at:
                return done()
            time.sleep(LOOK_EVERY_SECONDS)
        return True

    def stop(self) -> Used:
        """Ask it to end, if it has not, and return what it used."""
        ended = self._process.poll() is not None
        if not ended:
            self._process.terminate()
        return self._used(ENDS_WITHIN_SECONDS, ended=ended)

    def end(self) -> None:
        """End it, whatever it is at, if a measurement was broken off."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(ENDS_WITHIN_SECONDS)

    def wait(self, longest: float) -> Used:
        """Let it end by itself, or ask it to end after so many seconds, and return what it used."""
        try:
            self._process.wait(longest)
        except subprocess.TimeoutExpired:
            return self.stop()
        return self._used(ENDS_WITHIN_SECONDS, ended=True)

    def _used(self, seconds: float, *, ended: bool) -> Used:
        out, _ = self._process.communicate(timeout=seconds)
        used = json.loads(out)
        with self.log.open(encoding="utf-8", errors="replace") as told:
            lines = [line for line in told if used["exit_code"] or '"job' in line]
        self.log.unlink()
        return Used(**used, ended=ended, lines=lines)


def finished(used: Used, arguments: tuple[str, ...], expect: set[int]) -> Used:
    """Return what a command used that ended as it should."""
    if used.exit_code not in expect:
        told = "".join(used.lines)[-2000:]
        raise SystemExit(f"{' '.join(arguments)}: exit code {used.exit_code}\n{told}")
    return used
