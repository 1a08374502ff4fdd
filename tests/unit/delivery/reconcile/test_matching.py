from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.due_rows import due_row
from worker.delivery.content import content_key, content_of
from worker.delivery.reconcile.matching import Match, Sought, judge, sought_in
from worker.envoy.resources import Invite, instant

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
        {"name": "Ann&nbsp;Example"},
        {"email": "ann@ex&#97;mple.com"},
        {"expected_arrival_at": ARRIVAL.replace(microsecond=250_000)},
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
        {"name": "Ben Example", "email": "ben@example.com", "created_at": None},
        {"name": "Ben", "email": None, "created_at": BEGUN - timedelta(seconds=121)},
        {"expected_arrival_at": ARRIVAL + timedelta(minutes=1)},
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
        {"name": "Ann Sample", "created_at": BEGUN - timedelta(days=1)},
        {"name": "Ben Example", "email": None},
        {"name": "Ben Example", "email": ""},
        {"name": None, "email": "ben@example.com"},
        {"name": "Ben Example", "email": None, "created_at": None},
        {"name": "Ben Example", "email": None, "created_at": BEGUN - timedelta(seconds=119)},
        {"email": "other@example.com"},
        {"email": None},
        {"location_id": None},
        {"expected_arrival_at": ARRIVAL + timedelta(seconds=30)},
        {"expected_arrival_at": None},
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


def test_without_an_email_only_an_invite_without_one_is_equal() -> None:
    """A "Guest" with an e-mail may be another row's, or the front desk's: a person looks."""
    assert judge(sought(email=None), [listed(email=None)], owned=()).match is Match.FOUND
    assert judge(sought(email=None), [listed()], owned=()).match is Match.NEAR


def test_without_an_email_of_ours_whatever_came_since_is_near() -> None:
    """Its name may be ours in another form; what another row of ours has is not."""
    other = listed(name="Ben Example", email="ben@example.com")

    assert judge(sought(email=None), [other], owned=()).match is Match.NEAR
    assert judge(sought(email=None), [other], owned={"1"}).match is Match.NOTHING


NAMES = st.sampled_from(
    ["Guest", " guest ", "Ann Example", "ann  example", "Zo\u00eb", "Zoe\u0308", "R&D", "r&amp;d"]
)
EMAILS = st.none() | st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "&#98;@example.com"])
TIMES = st.sampled_from([ARRIVAL, ARRIVAL + timedelta(seconds=1)])


@given(names=st.tuples(NAMES, NAMES), emails=st.tuples(EMAILS, EMAILS), times=st.tuples(TIMES, TIMES))
def test_what_a_look_takes_for_equal_is_never_in_doubt_together(
    names: tuple[str, str], emails: tuple[str | None, str | None], times: tuple[datetime, datetime]
) -> None:
    """What a look for one create takes for found has the key that keeps the two from being in doubt."""
    one, other = (
        content_of(
            due_row(invitee_name=name.strip(), invitee_email=email, expected_arrival_at=time),
            location_id="100001",
            flow_id=None,
            host_id=None,
            custom_fields=None,
        )
        for name, email, time in zip(names, emails, times, strict=True)
    )
    wanted = sought_in(one, marker=None, begun_at=BEGUN)
    made = listed(
        name=other["invitee"]["name"],
        email=other["invitee"].get("email"),
        expected_arrival_at=instant(other["expectedArrivalAt"]),
    )
    assert wanted is not None

    if judge(wanted, [made], owned=()).match is Match.FOUND:
        assert content_key("acme", one) == content_key("acme", other)


def test_a_marker_that_was_not_sent_decides_nothing() -> None:
    """The setting was switched on while the create was in doubt: equal content decides, as before."""
    content = {
        "locationId": "100001",
        "expectedArrivalAt": "2030-05-17T09:00:00Z",
        "invitee": {"name": "Ann Example", "email": "ann@example.com"},
    }
    marker = "ref:0123456789ab"

    without = sought_in(content, marker=marker, begun_at=BEGUN)
    with_it = sought_in({**content, "notes": f"a dog {marker}"}, marker=marker, begun_at=BEGUN)

    assert without is not None
    assert with_it is not None
    assert (without.marker, with_it.marker) == (None, marker)


def test_many_ids_are_cut_short() -> None:
    """A detail is a line, not a list."""
    judgement = judge(sought(), [listed(str(number)) for number in range(300)], owned=())

    assert judgement.ids == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 290 more"


def test_a_marker_decides_alone() -> None:
    """It finds our invite whatever was changed in it, and no equal one without it."""
    marked = listed("2", name="Somebody", email=None, notes="bring badge ref:0123456789ab")

    judgement = judge(sought(marker="ref:0123456789ab"), [listed(), marked], owned=())

    assert (judgement.match, judgement.ids) == (Match.FOUND, "2")
    assert judge(sought(marker="ref:0123456789ab"), [listed()], owned=()).match is Match.NEAR
    shouting = listed(notes="BRING&nbsp;BADGE REF:0123456789AB")
    assert judge(sought(marker="ref:0123456789ab"), [shouting], owned=()).match is Match.FOUND


@pytest.mark.parametrize(
    "content",
    [{}, {"invitee": {}, "expectedArrivalAt": "2030-05-17T09:00:00Z"}, {"invitee": {"name": "Ann"}}],
)
def test_content_that_is_gone_cannot_be_looked_for(content: dict[str, Any]) -> None:
    """Personal data may have been cleared."""
    assert sought_in(content, marker=None, begun_at=BEGUN) is None
