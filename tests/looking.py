"""A look at what strangers wrote, through the real commands, in this process."""

import io
import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.strangers import FORGED, acts
from worker.cli import run_command
from worker.connections.vault import new_key

ROOT = Path(__file__).parents[1]


class Screen(io.TextIOWrapper):
    """A stream that a command writes to: a terminal, or a file; of any encoding, and strict."""

    def __init__(self, *, terminal: bool, encoding: str) -> None:
        """Be empty."""
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding, errors="strict", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        """Return whether a person sits there."""
        return self._terminal

    def read_all(self) -> str:
        """Return what was written."""
        self.flush()
        return self.bytes.getvalue().decode(self.encoding)


@dataclass(frozen=True, slots=True)
class Look:
    """A command as it was typed, and what it said."""

    command: tuple[str, ...]
    terminal: bool
    code: int
    out: str
    err: str

    def require_harmless(self) -> None:
        """Fail where something of a stranger's got out raw, began a line, or was too much for us."""
        told = f"{self.command!r} terminal={self.terminal}: exit {self.code}\n{self.out!r}\n{self.err!r}"
        allowed = "\n" if self.terminal else "\n\t"
        for text in (self.out, self.err):
            acting = {sign for sign in text if sign not in allowed and acts(sign)}
            assert not acting, f"{acting!r} in {told}"
            # Not splitlines: what only Python takes for an end of line was looked for above.
            assert not [line for line in text.split("\n") if line.startswith(FORGED)], told
            assert "this is a bug" not in text, told
        assert self.code != 1 or self.command[0] == "check", told
        if "--json" in self.command and self.code in {0, 3} and self.out:
            json.loads(self.out)


@contextmanager
def _streams(*, terminal: bool, encoding: str) -> Iterator[tuple[Screen, Screen]]:
    before = sys.stdout, sys.stderr
    screens = [Screen(terminal=terminal, encoding=encoding) for _ in before]
    sys.stdout, sys.stderr = screens
    try:
        yield screens[0], screens[1]
    finally:
        sys.stdout, sys.stderr = before


def look(*command: str, terminal: bool = False, encoding: str = "utf-8") -> Look:
    """Type a command in this process."""
    with _streams(terminal=terminal, encoding=encoding) as (out, err):
        code = run_command(command)
        return Look(command, terminal, int(code), out.read_all(), err.read_all())


def seat(monkeypatch: pytest.MonkeyPatch, database_url: str, folder: Path) -> None:
    """Let commands of this process find a database, all secrets, and no way to Envoy."""
    for name, value in {
        "DATABASE_URL": database_url,
        "ENVOY_CLIENT_ID": "client",
        "ENVOY_CLIENT_SECRET": "secret-of-the-tests",
        "WORKER_ENCRYPTION_KEYS": new_key(),
        "WORKER_ENVOY__API_URL": "http://127.0.0.1:9",
        "WORKER_SETTINGS": str(ROOT / "settings.toml"),
        "TERM": "xterm-256color",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)


def look_at(command: tuple[str, ...], chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> str:
    """Type a command, in one of the ways that there are; return which one."""
    kind = chance.choice(("terminal", "plain", "json"))
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.setenv(name, chance.choice(("1", "")))
    more = ("--json",) if kind == "json" else ()
    encoding = chance.choice(("utf-8", "utf-8", "ascii", "latin-1"))
    look(*command, *more, terminal=kind == "terminal", encoding=encoding).require_harmless()
    return kind
