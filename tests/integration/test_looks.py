"""What strangers write is shown by every command, and does nothing to the screen."""

import itertools
import random
from pathlib import Path

import pytest

from tests.looking import look, settle
from worker.connections.vault import new_key
from worker.database import Database

LOOKS = 250  # on each database


@pytest.fixture(autouse=True)
def _desk(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> None:
    """Let the commands find this database, all secrets, and no way to Envoy."""
    for name, value in {
        "DATABASE_URL": database_url,
        "ENVOY_CLIENT_ID": "client",
        "ENVOY_CLIENT_SECRET": "secret-of-the-tests",
        "WORKER_ENCRYPTION_KEYS": new_key(),
        "WORKER_ENVOY__API_URL": "http://127.0.0.1:9",
        "WORKER_SETTINGS": str(Path("settings.toml").absolute()),
        "TERM": "xterm-256color",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def test_hostile_text_in_every_column_is_shown_and_never_acts(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables, lines, messages, JSON, hints and the log: nothing gets out raw, forges a line, or crashes."""
    chance = random.Random(11)  # noqa: S311 -- to be played again
    scene = settle(database, chance)
    for command in itertools.islice(scene.commands(chance), LOOKS):
        kind = chance.choice(("terminal", "plain", "json"))
        monkeypatch.setenv("FORCE_COLOR", chance.choice(("1", "")))
        monkeypatch.setenv("NO_COLOR", chance.choice(("1", "")))
        more = ("--json",) if kind == "json" else ()
        encoding = chance.choice(("utf-8", "utf-8", "ascii", "latin-1"))
        look(*command, *more, terminal=kind == "terminal", encoding=encoding).require_harmless()
    assert not list(tmp_path.glob("x"))
