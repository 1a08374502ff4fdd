"""What must be sent so that Envoy has what the caller wants, and what is not known in between."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.delivery.contents import CONTENTS, PLAIN, carried_out
from worker.delivery.sent_content import (
    ALL_BUT_FLOW,
    IN_DOUBT,
    MAIL,
    TOGETHER,
    Content,
    changes,
    in_the_old_place,
    names_a_place,
    when_missing,
    while_removing,
    while_updating,
    without_place,
)


@given(before=CONTENTS, after=CONTENTS)
def test_an_update_leaves_envoy_with_what_is_wanted(before: Content, after: Content) -> None:
    """Whatever changed, was added or cleared; and what is equal needs no update."""
    body = changes(before, after)

    assert carried_out(before, body) == after
    assert (body == {}) == (before == after)


@given(before=CONTENTS, after=CONTENTS)
def test_of_unknown_content_everything_is_sent(before: Content, after: Content) -> None:
    """Only which flow it had stays Envoy's business."""
    body = changes(None, after)

    assert set(ALL_BUT_FLOW) <= body.keys()
    had = {key: value for key, value in before.items() if key != "flowId"}
    assert carried_out(had, body) == after


@given(before=CONTENTS, after=CONTENTS)
def test_what_is_on_its_way_is_sent_again(before: Content, after: Content) -> None:
    """Until its answer is clear, even a change back needs an update of the same fields."""
    body = changes(before, after)
    in_between = while_updating(before, body)

    assert changes(in_between, before).keys() >= body.keys() - {"sendEmailToInvitee"}


@given(before=CONTENTS, after=CONTENTS)
def test_the_question_whether_an_invite_is_there_names_no_place(before: Content, after: Content) -> None:
    """Only then a 404 can speak of nothing but the invite; and it asks even where nothing else differs."""
    body = without_place(when_missing(before, after), after)

    assert not names_a_place(body)
    assert body["invitee"]["name"] == after["invitee"]["name"]


@given(before=CONTENTS, after=CONTENTS)
def test_an_answered_question_leaves_only_the_place_open(before: Content, after: Content) -> None:
    """All else is in Envoy as it is wanted, cleared fields too; what is stored says the same."""
    body = without_place(when_missing(before, after), after)
    then = in_the_old_place(when_missing(before, after), after)

    assert carried_out(before, body) == then
    assert changes(then, after).keys() <= {*TOGETHER, "sendEmailToInvitee"}


@given(before=CONTENTS, after=CONTENTS)
def test_what_nobody_knows_is_sent_whole_whatever_was_tried_of_it(before: Content, after: Content) -> None:
    """A remove in doubt and a 404 say nothing about fields that retention has cleared from the record."""
    had = {key: value for key, value in before.items() if key != "flowId"}
    for stored in (
        while_removing(None),
        when_missing(None, after),
        while_removing(when_missing(None, after)),
    ):
        assert carried_out(had, changes(stored, after)) == after


@pytest.mark.parametrize("place", TOGETHER)
def test_a_404_to_an_update_of_a_place_may_speak_of_it(place: str) -> None:
    """Location, flow and host are looked up in Envoy, too."""
    assert names_a_place({place: "1", "notes": "a"})
    assert not names_a_place({"notes": "a"})


def test_a_cleared_list_is_sent_as_an_empty_one() -> None:
    """Custom fields are a list in Envoy; each other field is null."""
    before = {**PLAIN, "customFields": [{"field": "Company", "value": "Example Ltd"}], "notes": "a"}

    body = changes(before, PLAIN)

    assert body == {"customFields": [], "notes": None, "sendEmailToInvitee": False}


def test_an_email_in_doubt_is_cleared_too() -> None:
    """Envoy may have taken it with an update whose answer was lost."""
    body = changes({**PLAIN, "invitee": IN_DOUBT}, PLAIN)

    assert body["invitee"] == {"name": "Ann Example", "email": None}


@given(before=st.none() | CONTENTS, after=CONTENTS)
def test_what_is_on_its_way_mails_once(before: Content | None, after: Content) -> None:
    """However often it is repeated, and whatever the caller changes or calls off in between."""
    assume(before != after)
    body = changes(before, after)
    mailed = body[MAIL]

    in_between = while_updating(before, body)
    repeated = changes(in_between, {**after, "notes": "c"})
    called_off = changes(while_removing(while_updating(in_between, repeated)), after)

    assert repeated[MAIL] == called_off[MAIL] == (after[MAIL] and not mailed)
