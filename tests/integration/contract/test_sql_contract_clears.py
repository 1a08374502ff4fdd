"""What counts as a retention clear, and what only bears its mark."""

import pytest

from tests.integration.contract.caller import COLUMNS, Caller, Refused

CLEARED_AT = "2026-04-01T00:00:00.000Z"
EMPTY = {
    "invitee_name": "(cleared)",
    "invitee_email": None,
    "host_employee_id": None,
    "host_email": None,
    "notes": None,
    "custom_fields": None,
}
OTHERS = {
    "location": "Paris",
    "flow": "Interview",
    "expected_arrival_at": "2026-03-01T08:00:00Z",
    "expected_departure_at": "2026-03-01T12:00:00Z",
    "send_email": False,
    "wanted": "present",
}
SPELLINGS = [
    "2026-04-01 00:00:00.000Z",
    "2026-04-01T00:00:00.000+00:00",
    "2026-04-01T00:00:00Z",
    "2026-04-01T02:00:00+02:00",
]


def stands(caller: Caller) -> tuple[str, int]:
    """Return how the only invite stands."""
    delivery = caller.delivery()
    return delivery["status"], delivery["revision"]


@pytest.fixture
def sent(caller: Caller) -> Caller:
    """Give a caller whose invite has every column and is in Envoy."""
    caller.insert(**COLUMNS)
    caller.deliver("sent")
    return caller


def test_a_clear_is_no_change(sent: Caller) -> None:
    """All that is personal at once, or a part of it: nothing is sent because of it."""
    sent.change(notes=None, cleared_at="2026-03-31T00:00:00Z")
    sent.change(**EMPTY, cleared_at=CLEARED_AT)

    assert stands(sent) == ("sent", 1)


def test_another_spelling_of_the_mark_hides_no_change(sent: Caller) -> None:
    """An ORM that writes the mark back in its own way has not cleared anything."""
    for spelling in SPELLINGS:
        sent.change(**EMPTY, cleared_at=CLEARED_AT)
        sent.change(invitee_name="Ann Example", notes="Third floor")
        sent.deliver("sent")
        before = sent.delivery()["revision"]

        sent.change(notes=None, cleared_at=spelling)

        assert stands(sent) == ("pending", before + 1), spelling


def test_a_driver_that_cuts_the_mark_to_milliseconds_hides_no_change(postgresql_caller: Caller) -> None:
    """PostgreSQL keeps microseconds; many programs do not, and cut or round them."""
    postgresql_caller.insert(**COLUMNS)
    for cut in ("123Z", "124Z"):
        postgresql_caller.change(notes="Third floor", cleared_at="2026-04-01T00:00:00.123789Z")
        before = postgresql_caller.delivery()["revision"]

        postgresql_caller.change(notes=None, cleared_at=f"2026-04-01T00:00:00.{cut}")

        assert postgresql_caller.delivery()["revision"] == before + 1, cut


def test_a_mark_hides_no_other_change(sent: Caller) -> None:
    """Of what is not personal, or to a value that is not the cleared one, whatever else is cleared."""
    other = dict.fromkeys(EMPTY, "new@example.com") | {"custom_fields": '{"Company": "Other"}'}
    for column, value in {**OTHERS, **other}.items():
        sent.change(**COLUMNS, cleared_at=None)
        sent.deliver("sent")
        before = sent.delivery()["revision"]

        sent.change(**(EMPTY | {column: value}), cleared_at=CLEARED_AT)

        assert stands(sent) == ("pending", before + 1), column


def test_a_mark_lets_nobody_rename_a_sent_invite(sent: Caller) -> None:
    """Its delivery would be left behind, and the visit sent as a new one."""
    for column in ("external_id", "connection"):
        with pytest.raises(Refused, match="instead of renaming"):
            sent.change(**{column: "other"}, cleared_at=CLEARED_AT)

    assert (sent.invite()["cleared_at"], stands(sent)) == (None, ("sent", 1))


def test_a_mark_alone_is_no_change(sent: Caller) -> None:
    """Set, moved or taken away: it says nothing of the visit."""
    for mark in (CLEARED_AT, "2026-05-01T00:00:00Z", None):
        sent.change(cleared_at=mark)

    assert stands(sent) == ("sent", 1)
