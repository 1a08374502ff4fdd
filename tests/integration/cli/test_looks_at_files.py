"""Strangers' text in files and their names, in settings and in the environment."""

import csv
import random
from pathlib import Path

import pytest

from tests.looking import look, seat
from tests.strangers import hostile

PLAYS = 4


@pytest.fixture
def chance(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Sit down before a database, in a folder of one's own."""
    seat(monkeypatch, sqlite_url, tmp_path)
    return random.Random(7)  # noqa: S311 -- to be played again


def a_file_name(chance: random.Random) -> str:
    """Return a name that a file may have; sometimes with bytes that are no text."""
    name = hostile(chance).replace("/", "").encode()[:200]
    return (name + chance.choice((b"", b"\x9b\xff"))).decode(errors="surrogateescape")


def test_a_file_to_import(chance: random.Random) -> None:
    """Its name, its header, and its cells, those of rejected lines, too."""
    for _ in range(PLAYS):
        name = a_file_name(chance)
        columns = ["connection", "external_id", "invitee_name", "expected_arrival_at", "location"]
        if chance.random() < 0.3:
            columns.append(hostile(chance))
        with Path(f"./{name}").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows([hostile(chance) for _ in columns] for _ in range(3))
            writer.writerow([hostile(chance), "1", "Ann", "2035-05-01T10:00:00Z", "Berlin"])
        for more in ((), ("--rejects", f"./{a_file_name(chance)}"), ("--connection", hostile(chance))):
            look("invites", "import", f"./{name}", *more).require_harmless()
    look("check").require_harmless()


def test_settings_and_the_environment(chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's name, a key, a value, a URL: none gets out raw from the line that complains of it."""
    for number in range(PLAYS):
        odd = hostile(chance)
        folder = Path(f"./{number}{a_file_name(chance)}")
        folder.mkdir()
        settings = folder / "settings.toml"
        settings.write_text(f"[push]\n{_toml(odd)} = {_toml(hostile(chance))}\n", encoding="utf-8")
        for name, value in (
            ("WORKER_SETTINGS", str(settings)),
            ("WORKER_SETTINGS", str(folder)),
            ("DATABASE_URL", f"sqlite:///{folder}/{odd}.db"),
            ("DATABASE_URL", odd),
            ("WORKER_ENVOY__API_URL", odd),
            ("WORKER_LOG__LEVEL", odd),
            (f"WORKER_PUSH__{odd.upper()}".replace("=", ""), odd),
            ("WORKER_ENCRYPTION_KEYS", odd),
        ):
            with monkeypatch.context() as during:
                during.setenv(name, value)
                for command in ("status", "check"):
                    look(*command.split(), terminal=chance.random() < 0.5).require_harmless()


def _toml(text: str) -> str:
    written = "".join(sign if sign.isalnum() else f"\\U{ord(sign):08x}" for sign in text)
    return f'"{written}"'
