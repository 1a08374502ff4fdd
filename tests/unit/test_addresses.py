"""E-mail addresses in messages: that there is one is shown, and not whose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.addresses import without_addresses


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nora@visitor.example", "n…@…"),
        ("there is no connection 'nora@visitor.example'", "there is no connection 'n…@…'"),
        ("/srv/of nora@visitor.example.csv:3: notes: is missing", "/srv/of n…@…:3: notes: is missing"),
        ("acme/nora@visitor.example is sent", "acme/n…@… is sent"),
        ("nora+tag%40visitor.example", "n…@…"),
        ("a@b, c@d; <e@f>", "a…@…, c…@…; <e…@…>"),
        ('"nora example"@visitor.example', "…@…"),
        ("zoé@visitor.example", "z…@…"),
        ("nora@[192.0.2.1]: refused", "n…@…: refused"),
        ("nora\uff20visitor.example", "n…@…"),
        ("`envoy-worker connect nora@visitor.example`", "`envoy-worker connect n…@…`"),
        ("no.ra+o'hara@mail.visitor.example,", "n…@…,"),
        ("mailto:nora@visitor.example?x", "mailto:n…@…?x"),
        ("nora@@visitor.example", "n…@…"),
        ("nora@visitor.example@visitor.example", "n…@…"),
        (r"nora\@visitor.example", "n…@…"),
        (r"'nora\x1b.canary@visitor.example'", "'n…@…'"),
        ("nora\x1b.canary@visitor.example", "n…@…"),
        ("nora\u200b@\u200bvisitor.example", "n…@…"),
    ],
)
def test_of_an_address_only_the_first_letter_is_shown(text: str, shown: str) -> None:
    """What stands around it stays: a path, a line's number, quotes."""
    assert without_addresses(text) == shown


@pytest.mark.parametrize(
    "text", ["", "plain", "@", "a @ b", "100% sure", "postgresql://worker@db.example:5432/w", "%4", "@home"]
)
def test_what_is_no_address_stays(text: str) -> None:
    """So does the user of a database's URL: its host must be read."""
    assert without_addresses(text) == text


USUAL = st.emails().filter(lambda one: not {*one.partition("@")[0]} & {*"/='`"})


@given(USUAL, st.text(max_size=5), st.text(max_size=5))
def test_no_address_is_left_whole(address: str, before: str, after: str) -> None:
    """Wherever it stands; and to do it twice is to do it once."""
    once = without_addresses(f"{before} {address} {after}")

    assert address not in once
    assert without_addresses(once) == once


def test_a_long_text_without_an_end_is_looked_through_quickly() -> None:
    """What a stranger wrote costs no time that grows with its square."""
    assert without_addresses("a" * 200_000 + "@") == "a" * 200_000 + "@"
    assert without_addresses("'a" * 50_000 + "@").endswith("@")
    assert without_addresses('"a' * 50_000 + "@").endswith("@")
