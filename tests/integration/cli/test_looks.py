"""What strangers write is shown by every command, and does nothing to the screen."""

import itertools
import json
import random
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.looking import Screen, look, look_at, seat
from tests.strangers import settle
from worker.cli import run_command
from worker.database import Database

LOOKS = 250  # on each database


def test_hostile_text_in_every_column_is_shown_and_never_acts(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables, lines, messages, JSON, hints and the log: nothing gets out raw, forges a line, or crashes."""
    seat(monkeypatch, database_url, tmp_path)
    chance = random.Random(11)  # noqa: S311 -- to be played again
    strangers_database = settle(database, chance)

    for command in itertools.islice(strangers_database.commands(chance), LOOKS):
        look_at(command, chance, monkeypatch)
    assert not list(tmp_path.glob("x"))


@pytest.fixture
def listed(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the external id of an invite, in letters that few encodings have, as its JSON shows it."""
    seat(monkeypatch, database_url, tmp_path)
    key = "漢字 [/nope]a[red]b\u202e\x9b:smile:"
    with database.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO invite (connection, external_id, invitee_name, expected_arrival_at)"
                " VALUES ('acme', :key, 'Ann', '2035-05-01T10:00:00Z')"
            ),
            {"key": key},
        )
    return f"acme/{key}"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252"])
def test_json_says_what_is_stored_in_whatever_it_is_written(listed: str, encoding: str) -> None:
    """A parser reads the same value, since all is escaped as JSON has it."""
    said = look("invites", "list", "--json", encoding=encoding)

    assert json.loads(said.out)[0]["invite"] == listed
    assert "\\u202e\\u009b" in said.out


def test_a_table_shows_markup_as_it_was_typed(listed: str) -> None:
    """Whole, with letters that the terminal's encoding lacks written out."""
    assert listed.startswith("acme/漢")
    utf8 = look("invites", "list", terminal=True)
    ascii_only = look("invites", "list", terminal=True, encoding="ascii")

    assert "[/nope]a[red]b\\u202e\\x9b:smile:" in "".join(line[:32].strip() for line in utf8.out.split("\n"))
    assert "漢字" in utf8.out
    assert "\\u6f22\\u5b57" in ascii_only.out


@pytest.mark.parametrize(
    "command", ["status", "invites list", "invites list --json", "check", "nonsense", "", "-h"]
)
def test_streams_that_are_closed_change_nothing(
    listed: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not there from the start, or closed on the way: the exit code is the same."""
    assert listed
    code = look(*command.split()).code
    closed = Screen(terminal=True, encoding="utf-8")
    closed.close()

    for stream in (None, closed):
        with monkeypatch.context() as during:
            during.setattr(sys, "stdout", stream)
            during.setattr(sys, "stderr", stream)
            assert run_command(command.split()) == code
