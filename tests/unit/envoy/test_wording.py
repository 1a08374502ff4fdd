"""Error texts of Envoy, freed of whatever may belong to a visitor."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.envoy.wording import GAP, MOST_CHARACTERS, SAFE_WORDS, explanation, safe_words


def test_plain_reasons_survive() -> None:
    """What APIs say about fields is shown as it was said."""
    assert safe_words("expectedArrivalAt is required.") == "expectedArrivalAt is required"


@pytest.mark.parametrize(
    "echo",
    [
        "Jane Roe",
        '"Jane"',
        "jane.roe@example.com",
        "+49 170 5550001",
        "https://envoy.com/r?t=abc",
        "sEcReT-tOkEn",
    ],
)
def test_an_echo_leaves_only_a_gap(echo: str) -> None:
    """Names, addresses, numbers, links and tokens go, quoted or not."""
    assert f"invitee {GAP} is invalid" == safe_words(f"invitee {echo} is invalid")


def test_a_text_of_gaps_alone_says_nothing() -> None:
    """Nothing is better than a row of dots."""
    assert safe_words("Jane Roe: jane@example.com") == ""


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"status": "422", "title": "Jane", "detail": "email is invalid"}]},
        {"errors": [{"message": "email is invalid"}]},
        {"errors": ["strange", {"title": "email is invalid"}]},
        {"error_description": "email is invalid"},
        {"error": {"message": "email is invalid"}},
        {"error": "email is invalid"},
        {"message": "email is invalid"},
        {"message": 7, "detail": "email is invalid"},
        {"title": "email is invalid"},
    ],
)
def test_every_known_shape_of_error_is_read(body: dict[str, object]) -> None:
    """Envoy does not document its error body, so all common ones are understood."""
    assert explanation(json.dumps(body).encode()) == "email is invalid"


@pytest.mark.parametrize("body", [b"", b"<html>email is invalid</html>", b'["email is invalid"]', b"{}"])
def test_other_bodies_say_nothing(body: bytes) -> None:
    """A gateway's page is not searched for words."""
    assert explanation(body) == ""


@given(st.text() | st.lists(st.sampled_from(sorted(SAFE_WORDS)) | st.text(max_size=9)).map(" ".join))
def test_no_word_gets_out_that_is_not_on_the_list(text: str) -> None:
    """The guarantee, for any text: safe words, gaps, and not many of them."""
    shown = safe_words(text)

    assert len(shown) <= MOST_CHARACTERS
    # The last word may be cut short by the limit.
    assert all(word == GAP or word.lower() in SAFE_WORDS for word in shown.split(" ")[:-1])
    assert len(shown) == MOST_CHARACTERS or shown.split(" ")[-1].lower() in SAFE_WORDS | {GAP, ""}
