"""What is known of a stored value's length, and how much of it is taken."""

import json

from hypothesis import given
from hypothesis import strategies as st

from worker.database.statements.sizes import MOST_BYTES, first_bytes
from worker.database.types import MOST_PARTS, UNREADABLE, lenient_json
from worker.invites.custom_fields import LONGEST, MOST


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(0, 100))
def test_rows_are_taken_until_their_bytes_are_too_many(sizes: list[int], most: int) -> None:
    """In their order; the first one always, since without it nothing would ever be done."""
    taken = list(first_bytes(sizes, lambda size: size, most))

    assert taken == sizes[: len(taken)]
    assert len(taken) <= 1 or sum(taken) <= most
    assert len(taken) >= min(1, len(sizes))
    rest = sizes[len(taken) :]
    assert not rest or sum(taken) + rest[0] > most


def test_all_custom_fields_that_are_valid_are_within_the_bounds() -> None:
    """However they are written: as escapes of JSON, or with a sign in them for each part that JSON has."""
    longest = {
        f"{number:03}" + "\U0001f600" * (LONGEST - 3): "\U0001f601" * LONGEST for number in range(MOST)
    }
    commas = {f"{number:03}" + "," * (LONGEST - 3): "[" * LONGEST for number in range(MOST)}

    assert len(json.dumps(longest)) < MOST_BYTES
    assert lenient_json(json.dumps(longest)) == longest
    assert lenient_json(json.dumps(commas)) == commas


def test_json_of_very_many_parts_is_unreadable() -> None:
    """As a string, and as bytes; each part would take fifty bytes and more."""
    text = json.dumps({"x": [[]] * MOST_PARTS})

    assert lenient_json(text) == UNREADABLE
    assert lenient_json(text.encode()) == UNREADABLE
