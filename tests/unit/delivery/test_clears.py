"""What an update empties, and what is stored where Envoy does not empty it."""

from http import HTTPStatus

import pytest
from hypothesis import given

from tests.unit.delivery.contents import CONTENTS, carried_out
from worker.delivery.clears import (
    emptied,
    is_settled,
    keeping,
    kept_of,
    left_out_of,
    may_be_why,
    not_emptied,
    when_refused,
    when_refused_without,
    without,
)
from worker.delivery.plan import Call
from worker.delivery.remarks import remarked
from worker.delivery.sent_content import MAIL, Content, changes
from worker.envoy.resources import invite
from worker.errors import Forbidden, NotFound, Refused
from worker.invites import Kind


def test_what_an_update_empties_is_known_by_name() -> None:
    """The invitee's e-mail with a dot; nothing that has a value, be it false."""
    body: Content = {
        "notes": None,
        "customFields": [],
        "flowId": None,
        "invitee": {"name": "Ann", "email": None},
        "sendEmailToInvitee": False,
    }

    assert emptied(body) == {"notes", "customFields", "flowId", "invitee.email"}
    assert emptied({"invitee": {"name": "Ann"}, "notes": "a", "sendEmailToInvitee": False}) == set()
    assert without(body, emptied(body)) == {"invitee": {"name": "Ann"}, "sendEmailToInvitee": False}


@pytest.mark.parametrize("status", [HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY])
def test_only_a_refusal_of_the_content_may_be_for_a_clear(status: HTTPStatus) -> None:
    """And only where there was one; 403, 404 and 413 speak of something else."""
    assert may_be_why({"notes": None}, Refused(http_status=status))
    assert not may_be_why({"notes": "a"}, Refused(http_status=status))
    for other in (Forbidden(http_status=403), NotFound(http_status=404), Refused(http_status=413)):
        assert not may_be_why({"notes": None}, other)


@given(before=CONTENTS, after=CONTENTS)
def test_an_envoy_that_refuses_every_clear_ends_with_all_the_rest(before: Content, after: Content) -> None:
    """What is stored then is what Envoy has; nothing more is sent, until something else changes."""
    body = changes(before, after)
    refused = when_refused(before, body)
    again = changes(refused, after)
    left_out = left_out_of(refused) & emptied(again)
    sent = without(again, left_out)

    kept = not_emptied(sent, left_out, None)
    stored = keeping(after, refused, kept)

    assert emptied(sent) == set()
    assert carried_out(before, sent) == {key: value for key, value in stored.items() if key != "kept"}
    assert kept == emptied(body) == kept_of(stored, after)
    assert is_settled(stored, after)
    assert emptied(changes(stored, {**after, "notes": "else"})) >= kept - {"notes"}


@given(before=CONTENTS, after=CONTENTS)
def test_clears_that_were_not_at_fault_are_tried_anew(before: Content, after: Content) -> None:
    """A row that is refused without them is refused for something else."""
    refused = when_refused(before, changes(before, after))

    assert when_refused_without(refused) == before
    assert when_refused_without(None) is None


def test_clears_that_come_one_after_the_other_are_left_out_together() -> None:
    """A caller may clear another field between the two updates: else each would bring the other back."""
    twice = when_refused(when_refused({"notes": "a"}, {"notes": None}), {"customFields": []})

    assert left_out_of(twice) == {"notes", "customFields"}


def test_all_that_went_otherwise_is_told_of_one_update() -> None:
    """What Envoy kept comes first, since that is for the caller to see in Envoy."""
    call = Call(Kind.UPDATE, {MAIL: False}, {MAIL: True})

    code, words = remarked(call, {"notes"})

    assert code == "not_cleared"
    assert words is not None
    assert "notes; an update whose answer was lost may have mailed" in words
    assert remarked(call, ()) == ("mail_not_repeated", words.partition("; ")[2])
    assert remarked(Call(Kind.CREATE, {MAIL: True}, {MAIL: True}), ()) == (None, None)


def test_what_was_not_emptied_is_told_by_the_answer() -> None:
    """Cleared and still shown, or left out and not shown to be empty; no flow is Envoy's to choose."""
    answer = invite({"id": "1", "flowId": "2", "notes": "a", "host": None, "invitee": {"name": "Ann"}})

    assert not_emptied({"flowId": None, "notes": None, "customFields": []}, set(), answer) == {"notes"}
    left_out = {"flowId", "notes", "hostEmployeeId", "invitee.email"}
    assert not_emptied({}, left_out, answer) == left_out - {"hostEmployeeId"}
    assert not_emptied({}, left_out, None) == left_out
