from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.delivery.matching import Match, Sought, judge, sought_in
from worker.envoy.resources import Invite

ARRIVAL = datetime(2030, 5, 17, 9, tzinfo=UTC)
BEGUN = datetime(2030, 5, 10, 12, tzinfo=UTC)


def sought(**changes: Any) -> Sought:
    """Return what is looked for."""
    values: dict[str, Any] = {
        "location_id": "100001",
        "arrival": ARRIVAL,
        "name": "Ann Example",
        "email": "ann@example.com",
        "marker": None,
        "begun_at": BEGUN,
    }
    return Sought(**{**values, **changes})


def listed(invite_id: str = "1", **changes: Any) -> Invite:
    """Return an invite as Envoy lists it."""
    values: dict[str, Any] = {
        "approval_status": "APPROVED",
        "created_at": BEGUN + timedelta(seconds=1),
        "expected_arrival_at": ARRIVAL,
        "location_id": "100001",
        "name": "Ann Example",
        "email": "ann@example.com",
        "notes": None,
    }
    return Invite(id=invite_id, **{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "  ann   EXAMPLE "},
        {"email": "Ann@Example.com"},
        {"expected_arrival_at": ARRIVAL.replace(microsecond=250_000)},
        {"location_id": None},
        {"created_at": None},
        {"created_at": BEGUN - timedelta(seconds=119)},
    ],
)
def test_what_is_equal_is_found(changes: dict[str, Any]) -> None:
    """Case, spaces and parts of a second make no other person; two clocks may differ by two minutes."""
    other = listed("2", name="Ben Example", email="ben@example.com")

    judgement = judge(sought(), [other, listed(**changes)], owned=())

    assert (judgement.match, judgement.ids) == (Match.FOUND, "1")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Ben Example", "email": "ben@example.com"},
        {"expected_arrival_at": ARRIVAL + timedelta(minutes=1)},
        {"expected_arrival_at": None},
        {"location_id": "100002"},
    ],
)
def test_what_differs_is_not_ours(changes: dict[str, Any]) -> None:
    """Another person, another time, another place."""
    assert judge(sought(), [listed(**changes)], owned=()).match is Match.NOTHING


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Ann Sample"},
        {"email": "other@example.com"},
        {"email": None},
        {"expected_arrival_at": ARRIVAL + timedelta(seconds=30)},
    ],
)
def test_what_is_nearly_equal_is_for_a_person(changes: dict[str, Any]) -> None:
    """Somebody may have corrected our invite in Envoy: sending another would invite twice."""
    judgement = judge(sought(), [listed(**changes)], owned=())

    assert (judgement.match, judgement.ids) == (Match.NEAR, "1")


def test_an_invite_of_another_row_is_nobody_elses() -> None:
    """An equal invite that another row of ours has is neither found nor near."""
    assert judge(sought(), [listed()], owned={"1"}).match is Match.NOTHING
    assert judge(sought(), [listed(), listed("2")], owned={"1"}).ids == "2"


def test_of_two_equal_invites_none_is_taken() -> None:
    """Which of them is ours cannot be told."""
    judgement = judge(sought(), [listed(), listed("2")], owned=())

    assert (judgement.match, judgement.ids) == (Match.SEVERAL, "1, 2")


def test_what_was_there_before_we_tried_is_for_a_person() -> None:
    """Creation time excludes nothing, but an older invite is not what our create made."""
    older = listed(created_at=BEGUN - timedelta(seconds=121))

    assert judge(sought(), [older], owned=()).match is Match.OLDER


def test_without_an_email_the_name_decides() -> None:
    """Then place, time and name are all that was sent."""
    assert judge(sought(email=None), [listed()], owned=()).match is Match.FOUND


def test_a_marker_decides_alone() -> None:
    """It finds our invite whatever was changed in it, and no equal one without it."""
    marked = listed("2", name="Somebody", email=None, notes="bring badge ref:0123456789ab")

    judgement = judge(sought(marker="ref:0123456789ab"), [listed(), marked], owned=())

    assert (judgement.match, judgement.ids) == (Match.FOUND, "2")
    assert judge(sought(marker="ref:0123456789ab"), [listed()], owned=()).match is Match.NEAR


@pytest.mark.parametrize(
    "content",
    [{}, {"invitee": {}, "expectedArrivalAt": "2030-05-17T09:00:00Z"}, {"invitee": {"name": "Ann"}}],
)
def test_content_that_is_gone_cannot_be_looked_for(content: dict[str, Any]) -> None:
    """Personal data may have been cleared."""
    assert sought_in(content, marker=None, begun_at=BEGUN) is None
