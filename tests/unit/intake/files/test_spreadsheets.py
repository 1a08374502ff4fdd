"""Cells that a spreadsheet would run, and the apostrophe that keeps it from that."""

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.intake.files.readers import read_rows
from worker.intake.files.spreadsheets import END, as_meant, csv_line, harmless

ROOT = Path(__file__).parents[4]
HEADER = "connection,external_id,invitee_name,expected_arrival_at,notes"
RISKY = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'"
RUN = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    " =1",
    "\ufeff=1",
    "\u200b=1",
    "\0=1",
    "'x",
    "''",
    "'=1",
]
PLAIN = ["", "Ann", "1-2", "a=b", "O'Hara", "ann@example.com", " x", '"=1"', "½", "(=1)"]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text(
    st.sampled_from(f'{RISKY} "x0'), max_size=6
)


@pytest.mark.parametrize("cell", RUN)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    """So does what begins with one, so that it can be told from those that we put there."""
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", PLAIN)
def test_what_it_would_not_run_stays(cell: str) -> None:
    """A sign in the middle of a text runs nothing."""
    assert harmless(cell) == cell


@given(texts)
def test_what_was_put_before_a_cell_is_taken_back_exactly(cell: str) -> None:
    """Whatever the cell holds, and however often it goes out and comes in."""
    assert as_meant(harmless(cell)) == cell
    assert as_meant(as_meant(harmless(harmless(cell)))) == as_meant(harmless(cell))


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("'=1+1", "=1+1"),
        ("'+49 151 5550100", "+49 151 5550100"),
        ("''t Hart", "'t Hart"),
        ("'t Hart", "'t Hart"),
        ("'", "'"),
        ('="00123"', "00123"),
        ('="say ""hi"""', 'say "hi"'),
        ('=""', ""),
        ('="a"&"b"', '="a"&"b"'),
        ('="a', '="a'),
        ('\'="00123"', '="00123"'),
    ],
)
def test_other_peoples_files_mean_what_their_spreadsheet_shows(cell: str, meant: str) -> None:
    """A name that begins with an apostrophe keeps it; a number that was written as text is that text."""
    assert as_meant(cell) == meant


@given(texts, texts, st.sampled_from(",;\t"))
def test_a_file_says_what_was_put_into_it(name: str, notes: str, delimiter: str) -> None:
    """Out into a file of rejected lines and in again, in the midst of other cells."""
    name, notes = (text.replace("\0", "").replace("\n", "\t") for text in (name, notes))
    cells = ("acme", "1", name, "2026-03-02T15:00Z", notes)
    file = csv_line(HEADER.split(","), delimiter) + END + csv_line(cells, delimiter)

    (line,) = read_rows(io.BytesIO(file.encode()), "visits.csv")

    said = (str(line.values["invitee_name"]), str(line.values["notes"]))
    assert [text.strip() for text in said] == [name.strip(), notes.strip()]


def test_a_cell_that_begins_with_a_line_break_comes_back_whole() -> None:
    """The blank around a name is no broken quote: neither before the apostrophe nor behind it."""
    cells = ("\nacme", "1", "\n Ann", "2026-03-02T15:00Z", "")
    file = csv_line(HEADER.split(",")) + END + csv_line(cells)

    (line,) = read_rows(io.BytesIO(file.encode()), "visits.csv")

    assert line.error is None
    assert (line.values["connection"], line.values["invitee_name"]) == ("\nacme", "\n Ann")


def test_a_spreadsheets_way_to_write_numbers_as_text_is_understood() -> None:
    """What exports write as ="00123" keeps its zeros, and gets rid of the rest."""
    file = f'{HEADER}\nacme,="00123",="Nora Example",2030-05-17T09:00:00-07:00,\n'

    (line,) = read_rows(io.BytesIO(file.encode()), "visits.csv")

    assert (line.values["external_id"], line.values["invitee_name"]) == ("00123", "Nora Example")


@pytest.mark.parametrize("name", ["visits.jsonl", "visits.ndjson"])
def test_json_is_taken_as_it_stands(name: str) -> None:
    """No spreadsheet reads it."""
    (line,) = read_rows(io.BytesIO(b'{"notes": "\'=1", "external_id": "=\\"1\\""}\n'), name)

    assert line.values == {"notes": "'=1", "external_id": '="1"'}


def test_no_csv_file_is_written_in_another_way() -> None:
    """Whatever is exported one day goes through the one function, too."""
    writers = {
        path.relative_to(ROOT).as_posix()
        for path in (*ROOT.glob("worker/**/*.py"), *ROOT.glob("jobs/**/*.py"))
        if re.search(r"csv\.(writer|DictWriter)|import writer|import DictWriter", path.read_text("utf-8"))
    }

    assert writers == {"worker/intake/files/spreadsheets.py"}
