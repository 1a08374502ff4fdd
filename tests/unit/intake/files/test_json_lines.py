"""JSON Lines, whole and broken; read from memory."""

import io

import pytest

from worker.intake.files.readers import Line, read_rows


def rows(content: str | bytes, name: str) -> list[Line]:
    """Read a file."""
    return list(read_rows(io.BytesIO(content.encode() if isinstance(content, str) else content), name))


@pytest.mark.parametrize("name", ["visits.jsonl", "VISITS.NDJSON", "-", "visits.txt"])
def test_objects_are_read_one_a_line(name: str) -> None:
    """The kind is known by the ending or by the first sign; blank lines are left out."""
    found = rows('\ufeff\n{"external_id": 1, "custom_fields": {"Floor": 2}}\n\n{"external_id": "2"}', name)

    assert [(one.number, one.values) for one in found] == [
        (2, {"external_id": 1, "custom_fields": {"Floor": 2}}),
        (4, {"external_id": "2"}),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"external_id": "1"', "is no JSON object, at character 20"),
        (b"{'external_id': 1}", "is no JSON object, at character 2"),
        (b"not json", "is no JSON object, at character 1"),
        (b'["1"]', "is no JSON object, as in"),
        (b"null", "is no JSON object, as in"),
        (b'{"external_id": NaN}', "is no JSON object"),
        (b"[" * 200_000, "is no JSON object"),
        (b'{"invitee_name": "Zo\xe9"}', "is not UTF-8, at byte 21 of line 2"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(line: bytes, message: str) -> None:
    """Broken JSON, a list, another encoding: one line is bad, and no other."""
    found = rows(b'{"external_id": "1"}\n' + line + b'\n{"external_id": "3"}\n', "visits.jsonl")

    assert [one.number for one in found if one.error] == [2]
    assert str(found[1].error).startswith(message)
    assert [one.values["external_id"] for one in found if one.error is None] == ["1", "3"]
