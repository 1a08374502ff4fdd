"""What a command repeats of what was handed in: no address whole, and no cell that a spreadsheet runs."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_process import CommandProcess, CommandResult, command_process

WHO, WHERE = "nora.canary", "visitor.example"
MAIL = f"{WHO}@{WHERE}"
HEADER = "external_id,invitee_name,location,expected_arrival_at"
LINE = "x1,Ann,Berlin,2035-05-01T10:00Z"
WRONG = {
    "a connection to show": f"connections show {MAIL}",
    "a connection to connect": f"connect {MAIL}",
    "a connection to pause": f"connections pause {MAIL}",
    "a connection of a run": f"run-once --connection {MAIL}",
    "a connection of a status": f"status --connection {MAIL}",
    "a job": f"run-once {MAIL}",
    "an invite": f"invites show {MAIL}",
    "an invite by name": f"invites retry acme/{MAIL}",
    "an invite to resolve": f"invites resolve {MAIL} --sent {MAIL}",
    "a status": f"invites list --status {MAIL}",
    "a moment": f"connections pause acme --until {MAIL}",
    "a command": MAIL,
    "an option": f"status --{MAIL}",
    "an argument too much": f"status {MAIL}",
    "a file that is not there": f"invites import {MAIL}.csv",
    "a number": f"invites list --limit {MAIL}",
    "a default": f"connections set acme --default-location {MAIL}",
}  # fmt: skip
STRAY = (
    f"invites add --connection {MAIL} --external-id {MAIL} --name Ann --arrival 2035-05-01T10:00Z"
    " --location Berlin"
)
LOOKS = (
    "invites import visits.csv", f"invites import visits.csv --connection {MAIL}", STRAY, "status",
    "status --json", "check", "check --json", "invites list", "invites list --json",
    f"invites list --connection {MAIL}x",
)  # fmt: skip


@pytest.fixture(scope="module")
def process() -> Iterator[CommandProcess]:
    """Give a process that runs commands."""
    with command_process() as started:
        yield started


def require_masked(said: CommandResult) -> None:
    """Fail where the address, or what tells whose it is, is in what a command said."""
    text = said.out + said.err
    assert WHO not in text
    assert WHERE not in text
    assert "Traceback" not in text


@pytest.mark.parametrize("command", WRONG.values(), ids=WRONG.keys())
def test_an_argument_is_not_echoed_whole(process: CommandProcess, sqlite_url: str, command: str) -> None:
    """Whatever it was meant for: somebody has pasted the wrong thing."""
    said = process.run(sqlite_url, command)

    require_masked(said)
    assert said.code != 0


def test_a_file_names_nobody(process: CommandProcess, sqlite_url: str, tmp_path: Path) -> None:
    """Not by its name, nor its header; the line and the place are told all the same."""
    (tmp_path / f"{MAIL}.csv").write_text(f"{HEADER}\n{LINE.replace('2035-05', '2035-77')}\n")
    (tmp_path / "header.csv").write_text(f"{HEADER},{MAIL}\n{LINE},\n")
    (tmp_path / "lines.jsonl").write_text(f'{{"{MAIL}": 1, "external_id": "x", "invitee_name": "Ann"}}\n')
    (tmp_path / "none.csv").write_text(f"{MAIL}\n")

    line = process.run(sqlite_url, f"invites import {MAIL}.csv --connection acme", tmp_path)
    header, keys, none = (
        process.run(sqlite_url, f"invites import {name} --connection acme", tmp_path)
        for name in ("header.csv", "lines.jsonl", "none.csv")
    )
    rejects = process.run(
        sqlite_url, f"invites import {MAIL}.csv --connection acme --rejects {MAIL}", tmp_path
    )

    for said in (line, header, keys, none, rejects):
        require_masked(said)
        assert said.code == 3
    assert line.err.startswith("n…@…:2: expected_arrival_at: ")
    assert "column 5 of the header (n…@…) is no column" in header.err


def test_a_connections_name_is_not_echoed_whole(
    process: CommandProcess, database_url: str, tmp_path: Path
) -> None:
    """It waits for a connection that can never be; anyone who looks at it is told so, and not whose it is."""
    (tmp_path / "visits.csv").write_text(f"connection,{HEADER}\n{MAIL},{LINE}\n")
    said = [process.run(database_url, command, tmp_path) for command in LOOKS]
    listed, moved = said[7], process.run(database_url, "invites withdraw 1")

    for one in (*said, moved):
        require_masked(one)
    assert "1\tpending" in listed.out
    assert moved.out == "1: is not sent\n"


def test_a_rejected_line_is_run_by_no_spreadsheet_and_comes_back_as_it_was(
    process: CommandProcess, database_url: str, tmp_path: Path
) -> None:
    """The file of rejected lines is opened, corrected and imported; what strangers wrote is kept, not run."""
    notes = ["=cmd|' /C calc'!A0", "+49 151 5550100", "-5", "@SUM(1)", "'t Hart"]
    lines = "".join(f"x{number},,Berlin,2035-05-01T10:00Z,{text}\n" for number, text in enumerate(notes))
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.with_name("visits.csv").write_text(f"{HEADER},notes\n{lines}")
    good.write_text(f"{HEADER},notes\n{lines}".replace(",,Berlin", ",Nora,Berlin"))

    process.run(database_url, "invites import visits.csv --connection acme --rejects bad.csv", tmp_path)
    cells = [cell for row in csv.reader(bad.read_text().splitlines()) for cell in row]
    bad.write_text(bad.read_text().replace(",,Berlin", ",Nora,Berlin"))
    repaired = process.run(database_url, "invites import bad.csv --connection acme", tmp_path)
    same = process.run(database_url, "invites import good.csv --connection acme", tmp_path)

    assert [cell for cell in cells if cell[:1] in {*"=+-@"}] == []
    assert repaired.out.startswith("5 created")
    assert same.out.startswith("0 created, 0 changed, 5 unchanged")
