"""The one rule for ids: what comes from Envoy, what a person types, and what stands in a path."""

import shlex
import unicodedata
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.envoy import resources
from worker.envoy.identifiers import LONGEST, UNUSABLE, identifier, item_path
from worker.envoy.resources import Json
from worker.errors import Refused

USABLE: list[tuple[object, str]] = [
    ("110090", "110090"), (110090, "110090"), (0, "0"), (10**63, f"{10**63}"),
    ("0b6e1f7a-93f0-4f3c-8a0b-3d0c3f3c2f11", "0b6e1f7a-93f0-4f3c-8a0b-3d0c3f3c2f11"),
    ("SW52aXRlOjE=", "SW52aXRlOjE="), ("urn:envoy:7", "urn:envoy:7"), ("_a.b~c+d", "_a.b~c+d"),
    ("x" * LONGEST, "x" * LONGEST),
]  # fmt: skip
ODD: list[object] = [
    None, "", " ", "a b", " 7", "7\n", "7\x00", "\x1b[31m7", "7\x85", "7\u202e8", "7\u200b", "\ufeff7",
    "7\u2028", "\ud800", "7\udfff", "ü", "٣", "7\uff0e", ".", "..", "...", "a..b", ".7", "/", "7/..", "../7",
    "7%2f8", "%2e", "7?x=1", "7#x", "7\\8", "7;8", "7,8", "me@example.com", "$(id)", "`id`", "'7'", '"7"',
    "[/7]", "<b>", "a" * 65, True, False, -1, 1.5, 1.0, 10**64, float("inf"), float("nan"),
    [], ["7"], {}, {"id": "7"}, b"7",
]  # fmt: skip
# Where an id comes in, and how it is read there.
READERS: dict[str, Callable[[object], object]] = {
    "location": lambda value: resources.location({"id": value}),
    "flow": lambda value: resources.flow({"id": value}),
    "employee": lambda value: resources.employee({"id": value}),
    "invite": lambda value: resources.invite({"id": value}),
}


@pytest.mark.parametrize(("value", "expected"), USABLE)
def test_what_could_be_an_id_is_one(value: object, expected: str) -> None:
    """Digits as Envoy has them, as text or as a number, and the usual forms of others."""
    assert expected == identifier(value)


@pytest.mark.parametrize("value", ODD)
def test_an_odd_id_is_as_if_absent(value: object) -> None:
    """Too long, not printable, not ASCII, a path, a part of a query or list, a number that is none."""
    assert identifier(value) is None


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("value", ODD)
def test_an_item_with_an_odd_id_is_no_item(reader: str, value: object) -> None:
    """Each kind of resource goes by the rule."""
    assert READERS[reader](value) is None


@given(st.text(max_size=80) | st.from_regex(r"[!-~]{1,64}", fullmatch=True) | st.integers())
def test_an_id_means_nothing_wherever_it_stands(value: object) -> None:
    """In a path it is one part and stays it, in a shell one word; it is shown as it is."""
    found = identifier(value)
    if found is None:
        return

    path = urlsplit(f"https://api.envoy.example{item_path('/v1/invites', found)}").path
    sent = httpx.URL("https://api.envoy.example").join(path).raw_path.decode()
    assert (sent, sent.count("/")) == (path, 3)
    assert found in httpx.URL(f"https://h{path}").path
    assert (shlex.split(found), found.split(",")) == ([found], [found])
    assert {unicodedata.category(sign)[0] for sign in found} <= set("LNPS")


@pytest.mark.parametrize("value", ["", "..", "a/b", "a%2Fb", "7?x", "\ud800", "x" * 65])
def test_no_path_is_made_of_anything_else(value: str) -> None:
    """An id that another hand has stored is refused before a byte is sent, and not quoted."""
    with pytest.raises(Refused) as caught:
        item_path("/v1/invites", value)

    assert caught.value.error_code == UNUSABLE
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("place", ["../1", "a b", "\ud800", 1.5, True, ["1"], {}])
def test_a_flow_of_an_odd_place_does_not_serve_all_places(place: object) -> None:
    """Without a location a flow is a global one: this one has a location, though nobody can say which."""
    assert resources.flow({"id": "1", "locationId": place}) is None


@pytest.mark.parametrize("place", [None, ""])
def test_a_flow_without_a_place_serves_all(place: object) -> None:
    """As before: absent, null and blank are the same."""
    flow = resources.flow({"id": "1", "locationId": place})

    assert flow is not None
    assert flow.location_id is None


def test_an_employee_of_odd_places_does_not_belong_everywhere() -> None:
    """Nobody knows where they belong only where Envoy names no place at all."""
    item: Json = {"id": "1", "locationIds": ["../1", "100001", None, 1.5]}
    employee = resources.employee(item)

    assert employee is not None
    assert employee.location_ids == ("?", "100001", "?")
    assert resources.employee({"id": "1", "locationIds": [None, ""]}) == resources.employee({"id": "1"})
