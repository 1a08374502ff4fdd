"""Filters, order and pages of the sandbox's lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.queries import page_of
from worker.sandbox.refusals import Refused
from worker.sandbox.shapes import SHAPES
from worker.sandbox.values import Record


def invite(number: int, arrival: str = "2026-03-02T15:00:00Z", mail: str | None = None) -> Record:
    """Return what the filters look at in an invite."""
    return {
        "id": str(number),
        "locationId": "100001",
        "expectedArrivalAt": arrival,
        "createdAt": f"2026-02-20T10:00:{number:02d}Z",
        "type": "VISITOR",
        "approvalStatus": "APPROVED",
        "host": None,
        "invitee": {"name": "Test Visitor", "email": mail},
    }


def ids(records: list[Record], kind: str = "invites", **query: str) -> list[str]:
    """Return the ids on the page that a query gets."""
    return [record["id"] for record in page_of(records, query, SHAPES[kind])["data"]]


@given(st.integers(min_value=0, max_value=60), st.integers(min_value=1, max_value=20))
def test_the_pages_together_are_the_whole_list_once(count: int, per_page: int) -> None:
    """Reading until a short page finds every record exactly once, in order."""
    records = [invite(number % 60) | {"id": str(number)} for number in range(count)]
    found: list[str] = []
    for page in range(1, count // per_page + 2):
        found += ids(records, page=str(page), perPage=str(per_page))

    assert found == [record["id"] for record in records]


def test_the_bounds_of_an_arrival_filter_are_inclusive() -> None:
    """An invite at exactly the bound is found, one beyond it is not."""
    records = [invite(n, f"2026-03-02T15:0{n}:00Z") for n in range(4)]

    found = ids(
        records,
        expectedArrivalAtAfter="2026-03-02T15:01:00Z",
        expectedArrivalAtBefore="2026-03-02T16:02:00+01:00",
    )

    assert found == ["1", "2"]


def test_an_email_filter_matches_a_part_in_any_case() -> None:
    """The filter finds more than the exact address, so that a client must compare on its own."""
    records = [invite(1, mail="Ann@example.com"), invite(2, mail="joann@example.com"), invite(3)]

    assert ids(records, inviteeEmail="ann@EXAMPLE.com") == ["1", "2"]
    assert ids(records, hostEmail="host@example.com") == []


def test_a_comma_list_picks_exact_ids() -> None:
    """Several ids in one value select those records and no others."""
    assert ids([invite(1), invite(2), invite(12)], ids="1,12") == ["1", "12"]


def test_order_desc_puts_the_newest_first() -> None:
    """Sorted by creation and reversed, the last one created leads."""
    assert ids([invite(1), invite(2)], sort="CREATED_AT", order="DESC") == ["2", "1"]


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("invites", {"page": "0"}),
        ("invites", {"perPage": "ten"}),
        ("invites", {"page": "101", "perPage": "100"}),
        ("locations", {"perPage": "101"}),
        ("invites", {"sort": "createdAt"}),
        ("locations", {"sort": "CREATED_AT"}),
        ("invites", {"order": "UP"}),
        ("locations", {"enabled": "yes"}),
        ("invites", {"createdAtAfter": "yesterday"}),
    ],
)
def test_a_query_that_cannot_be_read_is_a_400(kind: str, query: dict[str, str]) -> None:
    """Bad numbers, unknown sort words, malformed times and pages too deep are refused."""
    with pytest.raises(Refused) as refused:
        page_of([], query, SHAPES[kind])

    assert refused.value.status == 400
