"""CSV files, whole and broken; read from memory."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.intake import FileRefused
from worker.intake.files.readers import Line, read_rows

HEADER = "connection,external_id,invitee_name,expected_arrival_at,notes"


def rows(text: str | bytes, name: str = "visits.csv") -> list[Line]:
    """Read a file."""
    return list(read_rows(io.BytesIO(text.encode() if isinstance(text, str) else text), name))


def line(external_id: int, name: str = "Jane", notes: str = "") -> str:
    """Write one good line."""
    return f"acme,{external_id},{name},2026-03-02T15:00Z,{notes}"


def good(found: list[Line]) -> list[object]:
    """Return the external ids of the good lines."""
    return [one.values["external_id"] for one in found if one.error is None]


def bad(found: list[Line]) -> list[tuple[int, str, str]]:
    """Return number, column and message of the bad lines."""
    return [(one.number, one.error.field, str(one.error)) for one in found if one.error]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_are_read_with_and_without_byte_order_mark(end: str, mark: str) -> None:
    """Files of Windows programs are as good as others; blank lines and lines of commas are left out."""
    found = rows(mark + end.join([HEADER, line(1), "", ",,,,", line(2, "Zoé"), ""]))

    assert [one.number for one in found] == [2, 5]
    assert [one.values["invitee_name"] for one in found] == ["Jane", "Zoé"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_and_tabs_are_known_by_the_header(delimiter: str) -> None:
    """Spreadsheets of many countries write semicolons."""
    found = rows(f"{HEADER}\n{line(1)}\n".replace(",", delimiter))

    assert good(found) == ["1"]


def test_a_header_may_be_written_in_capitals_with_spaces_around() -> None:
    """Case and spaces around a column's name are forgiven."""
    found = rows("Connection, EXTERNAL_ID ,Invitee_Name,expected_arrival_at\nacme,1,Jane,2026-03-02T15:00Z")

    assert found[0].values["external_id"] == "1"


def test_quoted_cells_may_hold_commas_quotes_and_in_notes_lines() -> None:
    """The line's number is the one where its record began."""
    quoted = line(1, '"Doe, ""J"" Jane"', '"one\ntwo"')

    found = rows(f"{HEADER}\n{quoted}\n{line(2)}")

    assert [one.number for one in found] == [2, 4]
    assert found[0].values["invitee_name"] == 'Doe, "J" Jane'
    assert found[0].values["notes"] == "one\ntwo"


@pytest.mark.parametrize(
    "broken",
    [
        line(2, '"Jane'),
        line(2, notes='"Bring a badge'),
        line(2, '"Jane" Doe'),
        line(2, '"Jane"" Doe'),
        'acme,2,"',
        '"',
        '"""',
    ],
)
@pytest.mark.parametrize("style", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_broken_quote_costs_one_line_and_no_other(broken: str, style: int) -> None:
    """The record is reported where it began, and the lines after it are read as usual."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=style, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerows(line(n, notes="ring the bell").split(",") for n in range(3, 8))

    found = rows(f"{HEADER}\n{line(1)}\n{broken}\n{out.getvalue()}")

    assert good(found) == ["1", "3", "4", "5", "6", "7"]
    assert [number for number, _, _ in bad(found)] == [3]
    assert "quote" in bad(found)[0][2] or "cells" in bad(found)[0][2]


def test_a_quote_that_swallows_a_line_and_closes_on_the_next_is_noticed() -> None:
    """A name does not have two lines: the first is given up, the second is read for itself."""
    found = rows(f'{HEADER}\nacme,1,"Jane\n{line(2)}\nacme,3,Doe",2026-03-02T15:00Z,\n{line(4)}')

    assert good(found)[-1] == "4"
    assert "2" in good(found)
    assert bad(found)[0][0] == 2


def test_latin_1_bytes_cost_their_own_line_and_are_found_by_column_and_byte() -> None:
    """A line in another encoding is named with its column; the rest goes in."""
    text = (
        f"{HEADER}\n{line(1)}\n".encode() + line(2, "Zoé").encode("latin-1") + f"\n{line(3, 'Zoé')}".encode()
    )

    found = rows(text)

    assert good(found) == ["1", "3"]
    assert bad(found) == [
        (3, "invitee_name", "is not UTF-8, at byte 10 of line 3: save the file as UTF-8"),
    ]


def test_a_line_with_another_number_of_cells_is_bad() -> None:
    """Both counts are named."""
    found = rows(f"{HEADER}\nacme,1\n{line(2)},extra\n{line(3)}")

    assert good(found) == ["3"]
    assert [message for _, _, message in bad(found)] == [
        "has 2 cells, the header has 5",
        "has 6 cells, the header has 5",
    ]


@pytest.mark.parametrize("length", [200_000, 1 << 20, 3_000_000])
def test_a_line_of_absurd_length_is_bad_and_the_next_is_read(length: int) -> None:
    """Memory is bounded, whatever a line holds."""
    found = rows(f"{HEADER}\n{line(1, 'x' * length)}\n{line(2)}")

    assert good(found) == ["2"]
    assert [number for number, _, _ in bad(found)] == [2]


@given(
    st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=60),
    st.integers(0, 4),
    st.booleans(),
)
def test_whatever_stands_on_one_line_the_others_are_read(junk: str, place: int, quoted: bool) -> None:
    """No text on one line takes another line with it."""
    name = '"Doe, Jane"' if quoted else "Jane"
    lines = [line(n, name) for n in range(5)]
    lines.insert(place, junk)

    found = rows("\n".join([HEADER, *lines]))

    assert [one for one in good(found) if one in {"0", "1", "2", "3", "4"}] == ["0", "1", "2", "3", "4"]


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_read_or_refused(content: bytes, headed: bool) -> None:
    """Nothing that a file may hold ends in an error that is not ours; line numbers only rise."""
    try:
        found = rows(f"{HEADER}\n".encode() + content if headed else content)
    except FileRefused:
        return

    numbers = [one.number for one in found]
    assert numbers == sorted(set(numbers))
