"""Resolving locations and flows by id or name."""

import pytest

from worker.directory import Directory
from worker.directory.entries import Flow, Location
from worker.directory.resolve import LONG, name_key, zone_of
from worker.errors import InputError


def location(
    key: str, name: str, *, enabled: bool = True, timezone: str | None = "Europe/Berlin"
) -> Location:
    """Make a location."""
    return Location(connection_id=1, envoy_id=key, name=name, enabled=enabled, timezone=timezone)


def flow(
    key: str, name: str, place: str | None, *, enabled: bool = True, kind: str | None = "VISITOR"
) -> Flow:
    """Make a flow."""
    return Flow(connection_id=1, envoy_id=key, name=name, enabled=enabled, type=kind, location_id=place)


BERLIN = location("1", "Berlin  Mitte")
OSLO = location("2", "Oslo")


def refusal(directory: Directory, wanted: str, place: Location | None = None) -> InputError:
    """Return the error that resolving ends in."""
    with pytest.raises(InputError) as caught:
        directory.flow(wanted, place) if place else directory.location(wanted)
    return caught.value


@pytest.mark.parametrize("wanted", ["1", " 1 ", "berlin mitte", "BERLIN   MITTE", " Berlin Mitte"])
def test_a_location_is_found_by_id_or_name(wanted: str) -> None:
    """Case and spaces are forgiven."""
    assert Directory([BERLIN, OSLO], []).location(wanted) is BERLIN


def test_an_id_goes_before_a_name_that_looks_like_it() -> None:
    """A location whose name is another's id does not take its place."""
    odd = location("9", "2")

    assert Directory([odd, OSLO], []).location("2") is OSLO


def test_an_unknown_location_names_what_is_near() -> None:
    """The hint holds the name that was probably meant."""
    error = refusal(Directory([BERLIN, OSLO], []), "Osslo")

    assert (error.code, error.field) == ("location_unknown", "location")
    assert "Oslo" in error.hint


def test_without_any_location_the_hint_says_so() -> None:
    """An empty directory is not mistaken for a misspelt name."""
    assert "no locations" in refusal(Directory([], []), "Oslo").hint


def test_two_locations_of_one_name_are_ambiguous() -> None:
    """The hint holds the ids to choose from."""
    for other in ("oslo", "Oslo", "OSLO"):
        error = refusal(Directory([OSLO, location("3", other)], []), "oSLO")

        assert error.code == "location_ambiguous"
        assert "2, 3" in error.hint


def test_of_two_spellings_of_one_name_the_exact_one_is_meant() -> None:
    """Where two places are called so, anyone who writes neither has to give an id."""
    composed, decomposed = location("3", "Z\u00fcrich"), location("4", "Zu\u0308rich")
    both = Directory([composed, decomposed], [flow("10", "A&B", "3"), flow("11", "A&amp;B", "3")])

    assert [both.location(one.name) for one in both.locations] == both.locations
    assert [both.flow(one.name, composed) for one in both.flows] == both.flows
    assert refusal(both, "Z\u00dcRICH").code == "location_ambiguous"
    assert Directory([composed], []).location(decomposed.name) is composed


def test_a_disabled_location_is_refused_unless_an_enabled_one_has_the_name() -> None:
    """What Envoy would refuse is refused here; the living namesake is meant."""
    closed = location("4", "Oslo", enabled=False)

    assert refusal(Directory([closed], []), "Oslo").code == "location_disabled"
    assert Directory([closed, OSLO], []).location("oslo") is OSLO


def test_a_flow_of_the_location_goes_before_a_global_one() -> None:
    """Both serve the location; its own is meant."""
    own, everywhere = flow("10", "Interview", "1"), flow("11", "Interview", None)

    assert Directory([BERLIN], [everywhere, own]).flow("interview", BERLIN) is own
    assert Directory([BERLIN], [everywhere]).flow("interview", BERLIN) is everywhere


@pytest.mark.parametrize(
    ("flows", "code"),
    [
        ([flow("10", "Interview", "2")], "flow_of_other_location"),
        ([flow("10", "Interview", "1", enabled=False)], "flow_disabled"),
        ([flow("10", "Interview", "1", kind="EMPLOYEE")], "flow_not_for_visitors"),
        ([flow("10", "Interview", "1"), flow("11", "Interview", "1")], "flow_ambiguous"),
        ([flow("10", "Visitor", "1")], "flow_unknown"),
    ],
)
def test_a_flow_that_cannot_be_used_is_refused(flows: list[Flow], code: str) -> None:
    """Each reason has its own code."""
    assert refusal(Directory([BERLIN], flows), "Interview", BERLIN).code == code


def test_an_unknown_time_zone_is_none() -> None:
    """Whatever Envoy says of a zone, resolving does not fail."""
    assert zone_of(location("1", "x", timezone="Mars/Olympus")) is None
    assert zone_of(location("1", "x", timezone=None)) is None
    assert str(zone_of(BERLIN)) == "Europe/Berlin"


@pytest.mark.parametrize("sign", ["n", "\U0001d160", "\ufb03"])
def test_long_names_cost_no_more_than_short_ones_and_are_told_apart(sign: str) -> None:
    """Some signs become three when they are folded: what is kept of a name to compare it is short."""
    one, other = location("1", sign * 999 + "a"), location("2", sign * 999 + "b")
    directory = Directory([one, other], [])

    assert directory.location(one.name.upper()) is one
    assert directory.location(other.name) is other
    assert len(name_key(one.name)) <= LONG
