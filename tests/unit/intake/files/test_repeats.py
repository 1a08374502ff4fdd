"""External ids that stand in a file twice."""

import pytest

from worker.errors import InputError
from worker.intake import parse
from worker.intake.files.repeats import Seen
from worker.intake.rows import NewInvite


def visit(external_id: str = "42", connection: str = "acme", name: str = "Jane") -> NewInvite:
    """Make a visit."""
    arrival = "2026-03-02T15:00:00Z"
    return parse(
        {
            "connection": connection,
            "external_id": external_id,
            "invitee_name": name,
            "expected_arrival_at": arrival,
        }
    )


def test_a_new_external_id_is_no_repeat() -> None:
    """Ids are compared within a connection, and as a whole."""
    seen = Seen()

    assert not any(
        seen.is_repeat(line, invite)
        for line, invite in enumerate([visit(), visit("43"), visit(connection="globex"), visit("2", "acme4")])
    )


def test_the_same_line_again_is_a_repeat() -> None:
    """However often it comes, and wherever."""
    seen = Seen()
    seen.is_repeat(2, visit())

    assert seen.is_repeat(3, visit())
    assert seen.is_repeat(9, visit())


def test_the_same_id_with_other_content_names_the_first_line() -> None:
    """The first line stands; the second is an error, and stays one for later repeats of itself."""
    seen = Seen()
    seen.is_repeat(7, visit())

    for line in (8, 9):
        with pytest.raises(InputError, match="stands on line 7 already") as caught:
            seen.is_repeat(line, visit(name="John"))
        assert caught.value.field == "external_id"
    assert seen.is_repeat(10, visit())
