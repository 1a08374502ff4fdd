"""Files that are refused as a whole, before anything of them is imported."""

import io

import pytest

from worker.intake import FIELDS, FileRefused
from worker.intake.files.readers import read_rows

HEADER = "connection,external_id,invitee_name,expected_arrival_at"


def refusal(content: str | bytes, name: str = "visits.csv", **options: tuple[str, ...]) -> str:
    """Return why a file is refused."""
    stream = io.BytesIO(content.encode() if isinstance(content, str) else content)
    with pytest.raises(FileRefused) as caught:
        read_rows(stream, name, **options)
    return str(caught.value)


@pytest.mark.parametrize("content", ["", "\n \n\t\n", "\ufeff"])
@pytest.mark.parametrize("name", ["visits.csv", "visits.jsonl"])
def test_an_empty_file_is_refused(content: str, name: str) -> None:
    """Nothing at all is more likely a mistake than a wish."""
    assert refusal(content, name) == f"{name}:1: the file is empty: it needs a header line or JSON objects"


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    """A typo in the header would lose a whole column."""
    message = refusal(f"{HEADER},invitee_mail\n")

    assert message == (
        "visits.csv:1: column 5 of the header (invitee_mail) is no column of an invite;"
        " did you mean invitee_email?"
    )


def test_a_column_that_is_like_no_other_is_refused_with_all_names() -> None:
    """Without a near name, all are listed."""
    assert f"known are {', '.join(FIELDS)}" in refusal(f"{HEADER},zzz\n")


def test_a_column_without_a_name_is_refused() -> None:
    """A comma too much is named by its place."""
    assert "column 5 of the header has no name" in refusal(f"{HEADER},\n")


def test_a_column_that_stands_twice_is_refused() -> None:
    """Nobody could say which of the two counts."""
    assert "invitee_name: the header has this column twice" in refusal(f"{HEADER},Invitee_Name\n")


def test_missing_columns_are_named_all_at_once() -> None:
    """What every visit needs must have a column."""
    assert "the header lacks external_id, expected_arrival_at" in refusal("connection,invitee_name\n")


def test_the_connections_column_may_be_missing_where_the_caller_fills_it() -> None:
    """With --connection, the column is not needed; without, the message names the option."""
    header = HEADER.removeprefix("connection,")

    assert "--connection NAME" in refusal(header)
    assert list(read_rows(io.BytesIO(header.encode()), "visits.csv", filled=("connection",))) == []


def test_a_file_without_a_header_is_refused_and_not_quoted() -> None:
    """Its first line is a visitor's data."""
    message = refusal("acme,42,Jane Doe,2026-03-02T15:00Z\n")

    assert "the first line is no header" in message
    assert "Jane" not in message


def test_a_broken_header_is_refused() -> None:
    """Nothing can be read by a header with an open quote."""
    assert "the header has a quote" in refusal(f'"{HEADER}\n')


@pytest.mark.parametrize("content", ['[{"external_id": "1"}]', "[\n", "{\n", " {  \n"])
@pytest.mark.parametrize("name", ["visits.csv", "visits.jsonl", "-"])
def test_json_that_is_a_list_is_refused(content: str, name: str) -> None:
    """Lists and objects over several lines are no JSON Lines."""
    assert "JSON must be one object a line" in refusal(content, name)


@pytest.mark.parametrize("content", [HEADER.encode("utf-16"), b"SQLite format 3\0rest", b"PK\x03\x04\0\0"])
def test_a_file_that_is_no_text_is_refused(content: bytes) -> None:
    """UTF-16, a database, a spreadsheet: the message says what to save instead."""
    assert "save the file as CSV in UTF-8" in refusal(content)
