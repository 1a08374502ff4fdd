"""Rejected lines in a file of their own, to be repaired and imported again."""

import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.cli.invites.import_streams import rejected_to
from worker.database import Database
from worker.errors import DatabaseUnreachable, DiskFull, InputError, UsageError, WorkerError
from worker.intake import ImportReport, Problem, import_file, parse
from worker.intake.files.readers import read_rows
from worker.intake.files.rejects import Rejects
from worker.intake.importing import interrupted

Import = Callable[..., tuple[ImportReport, list[Problem]]]
Reject = Callable[..., str]

HEADER = "connection;external_id;Invitee_Name;expected_arrival_at;notes"
GOOD = "acme;1;Jane;2091-03-02T15:00Z;"


@pytest.fixture
def reject(database: Database, tmp_path: Path) -> Reject:
    """Give a function that imports a text, and returns what is in the file of rejected lines."""

    def run(content: str | bytes, name: str = "visits.csv") -> str:
        rejects = Rejects(tmp_path / "bad")
        stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
        import_file(
            database,
            stream,
            name=name,
            connection=None,
            dry_run=False,
            on_problem=lambda _problem: None,
            on_rejected=rejects.add,
        )
        rejects.close()
        found = rejects.path.read_bytes().decode(errors="surrogateescape") if rejects.number else ""
        rejects.path.unlink(missing_ok=True)
        return found

    return run


def test_cells_stay_as_they_were_and_the_last_says_what_is_wrong(reject: Reject) -> None:
    """The delimiter stays, too, and so do line breaks in notes."""
    found = reject(f'{HEADER}\n{GOOD}\nacme;2;" J;""x""";2091;"one\ntwo"\n')

    assert found == (
        "connection;external_id;invitee_name;expected_arrival_at;notes;problem\r\n"
        'acme;2;" J;""x""";2091;"one\ntwo";'
        "expected_arrival_at: is no time: write it as in 2026-03-02T15:00:00+01:00\r\n"
    )


def test_no_cell_is_run_by_a_spreadsheet_and_the_import_takes_that_back(
    reject: Reject, import_text: Import, stored: Callable[[str], list[tuple[object, ...]]]
) -> None:
    """Anyone who opens the file to correct it runs nothing of what strangers wrote; it is kept."""
    written = ["=HYPERLINK(1)", "+49 151", "-5", "@SUM(1)", "'t Hart", "''=1", "\uff1d1", '="007"']
    meant = [*written[:5], "'=1", "\uff1d1", "007"]
    lines = "".join(f"acme;{number};;2091-03-02T15:00Z;{text}\n" for number, text in enumerate(written))
    found = reject(f"{HEADER}\n{lines}")
    again = reject(found)

    report, _ = import_text(found.replace(";;", ";Jane;"))

    cells = [row.split(";")[4] for row in found.splitlines()[1:]]
    assert cells == [*(f"'{text}" for text in meant[:7]), "007"]
    assert again == found
    assert (report.created, report.rejected) == (len(meant), 0)
    assert stored("notes") == [(text,) for text in meant]


def test_a_whole_line_is_not_run_either(reject: Reject) -> None:
    """It stands in the first cell, whatever it begins with."""
    found = reject(f"{HEADER}\n=cmd|' /C calc'!A0;2\n")

    assert found.splitlines()[1].startswith("\"'=cmd|' /C calc'!A0;2\";")


def test_the_mended_file_is_imported_as_it_is(reject: Reject, import_text: Import) -> None:
    """The column of problems is ignored, and a line that is still bad has one problem cell again."""
    bad = reject(f"{HEADER}\nacme;2;;2091-03-02T15:00Z;\nacme;3;;2091-03-02T15:00Z;\n")

    report, problems = import_text(bad.replace("acme;2;;", "acme;2;Jane;"))

    assert (report.created, report.rejected) == (1, 1)
    assert [problem.column for problem in problems] == ["invitee_name"]


def test_a_line_that_cannot_be_cut_into_cells_stands_whole_in_the_first(reject: Reject) -> None:
    """A broken quote, too few cells: the text is there, and the row is rejected until it is repaired."""
    found = reject(f'{HEADER}\nacme;2;"Jane;2091-03-02T15:00Z;\nacme;3\n{GOOD}\n')

    assert found.splitlines()[1:] == [
        '"acme;2;""Jane;2091-03-02T15:00Z;";;;;;has a quote that is opened and never closed',
        '"acme;3";;;;;has 2 cells, the header has 5',
    ]


def test_notes_that_lost_a_line_are_not_imported_without_it(reject: Reject) -> None:
    """A line of absurd length is not kept; what is left of its record must not look as if it were good."""
    found = reject(f'{HEADER}\nacme;2;Jane;2091-03-02T15:00Z;"one\n{"x" * (1 << 20)}\ntwo"\n')

    assert found.splitlines()[1].startswith('"acme;2;Jane;2091-03-02T15:00Z;""one";;;;;is longer than')


def test_bytes_that_are_no_utf_8_go_out_as_they_came_in(reject: Reject) -> None:
    """Nothing is guessed about them, and nothing lost."""
    found = reject(f"{HEADER}\n{GOOD.replace('Jane', 'Zoé')}\n".encode("latin-1"))

    assert "acme;1;Zo\udce9;2091-03-02T15:00Z;;invitee_name: is not UTF-8" in found


def test_json_lines_keep_their_values_and_get_a_key(reject: Reject, import_text: Import) -> None:
    """What is no object stands under a key of its own; repaired, the file is imported as it is."""
    found = reject(
        '{"connection": "acme", "external_id": 7, "invitee_name": "Zoé", "custom_fields": {"a": 1.50}}\n'
        '{"connection": "acme"\n[1]\n{"connection": "acme", "problem": "old", "notes": "\\ud800"}\n',
        "visits.jsonl",
    )
    rows = [json.loads(row) for row in found.splitlines()]
    repaired = {**rows[0], "expected_arrival_at": "2091-03-02T15:00Z"}
    report, problems = import_text(json.dumps(repaired) + "\n" + json.dumps(rows[1]), name="bad.jsonl")

    assert rows[0] == {
        "connection": "acme",
        "external_id": 7,
        "invitee_name": "Zoé",
        "custom_fields": {"a": "1.50"},
        "problem": "expected_arrival_at: is missing",
    }
    assert [row.get("line") for row in rows] == [None, '{"connection": "acme"', "[1]", None]
    assert rows[3]["problem"].startswith("external_id: is missing")
    assert (report.created, report.rejected) == (1, 1)
    assert problems[0].column == "line"


def test_what_the_database_refuses_is_there_as_well(reject: Reject, database: Database) -> None:
    """A row that only the database's own rules refuse can be repaired, too."""
    forbid = "CREATE UNIQUE INDEX house_rule ON invite (invitee_name)"
    with database.write() as connection:
        connection.exec_driver_sql(forbid)

    found = reject(f"{HEADER}\n{GOOD}\n{GOOD.replace(';1;', ';2;')}\n")

    assert "acme;2;Jane;2091-03-02T15:00Z;;was refused by the database" in found


def test_the_file_is_private_and_new_and_gone_where_nothing_was_rejected(tmp_path: Path) -> None:
    """An older file stays as it is."""
    path = tmp_path / "bad.csv"
    empty = Rejects(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    empty.close()
    there_after = path.exists()
    path.write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match="is there already"):
        Rejects(path)
    with pytest.raises(UsageError, match="No such file or directory"):
        Rejects(tmp_path / "nowhere" / "bad.csv")
    assert (mode, there_after, path.read_text(encoding="utf-8")) == (0o600, False, "mine")


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    """The system's error is one line with what to do once, and no half file is in the way of a second try."""
    rejects = Rejects(tmp_path / "bad.csv")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, rejects._file.fileno())
    os.close(full)
    rows = read_rows(io.BytesIO(f"{HEADER}\n{GOOD}\n".encode()), "visits.csv")
    rejects.add(rows, next(rows.lines), [Problem(2, None, "x")])

    with pytest.raises(DiskFull, match="the disk is full") as caught:
        rejects.close()
    assert not rejects.path.exists()
    assert interrupted(caught.value, "").hint == caught.value.hint


@pytest.mark.parametrize(("error", "left"), [(DatabaseUnreachable, False), (UsageError, True)])
def test_an_import_that_failed_leaves_no_half_file(
    tmp_path: Path, error: type[WorkerError], *, left: bool
) -> None:
    """It is repeated by the same command. Where a mirror was refused, the whole file had been read."""
    path = tmp_path / "bad.csv"
    rows = read_rows(io.BytesIO(f"{HEADER}\n{GOOD}\n".encode()), "visits.csv")

    def fail() -> None:
        with rejected_to(str(path)) as rejects:
            assert rejects
            rejects.add(rows, next(rows.lines), [Problem(2, None, "x")])
            raise error("told")

    with pytest.raises(error):
        fail()

    assert path.exists() is left


@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_rejected_line_is_accepted_unmended(tmp_path: Path, junk: str) -> None:
    """Whatever a line holds: what is rejected once is rejected again as it stands in the file."""
    rows = read_rows(io.BytesIO(f"{HEADER}\n{junk}\n".encode()), "visits.csv")
    bad = Rejects(tmp_path / "bad.csv")
    for line in rows:
        bad.add(rows, line, [Problem(line.number, None, "x")])
    bad.close()
    written = bad.path.read_bytes() if bad.number else HEADER.encode()
    bad.path.unlink(missing_ok=True)

    again = list(read_rows(io.BytesIO(written), "bad.csv"))

    assert len(again) == bad.number
    for line in again:
        with pytest.raises(InputError):
            parse(line.values)  # empty where the line cannot be read
