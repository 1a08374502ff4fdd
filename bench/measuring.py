"""Commands of the worker, run as a person would run them, and what each used."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Used:
    """What one command used; ``lines`` is what it printed."""

    exit_code: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    threads: int
    databases: int
    lines: list[str] = field(repr=False)

    def event(self, name: str) -> dict[str, float]:
        """Return the last event of that name; its numbers are what is wanted of it."""
        found: list[dict[str, float]] = [json.loads(line) for line in self.lines if f'"{name}"' in line]
        return found[-1]


def worker(
    env: Mapping[str, str], *arguments: str, expect: int = 0, longest: float = LONGEST_SECONDS
) -> Used:
    """Run ``python -m worker`` and return what it used; it must end with that exit code."""
    command = [sys.executable, "-m", "bench.watch", sys.executable, "-m", "worker", *arguments]
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=longest, check=True)
    used = Used(**json.loads(done.stdout), lines=done.stderr.splitlines())
    if used.exit_code != expect:
        raise SystemExit(f"{' '.join(arguments)}: exit code {used.exit_code}\n{done.stderr[-2000:]}")
    return used
