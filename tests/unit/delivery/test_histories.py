"""One visit through any history of changes, lost answers, refusals and hands in Envoy; no I/O."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.due_rows import due_row
from worker.delivery import outcomes
from worker.delivery.clears import EMAIL, emptied, without
from worker.delivery.due import DueRow
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Call, Settled, update_or_create
from worker.delivery.sent_content import Content, while_removing
from worker.envoy.api import Written
from worker.envoy.resources import Invite
from worker.errors import EnvoyError, Forbidden, NotFound, OutcomeUnknown, Refused, Throttled
from worker.invites import Kind, Status, Verdict

NOWHERE = "999"  # Envoy does not have this location
NO_NULLS = "no nulls"
CONTENTS = st.fixed_dictionaries(
    {
        "expectedArrivalAt": st.sampled_from("AB"),
        "locationId": st.sampled_from(["100", "101", NOWHERE]),
        "invitee": st.sampled_from([{"name": "Ann"}, {"name": "Ann", "email": "ann@example.com"}]),
        "sendEmailToInvitee": st.booleans(),
    },
    optional={
        "notes": st.sampled_from("ab"),
        "customFields": st.just([{"field": "Company", "value": "Example Ltd"}]),
        "hostEmployeeId": st.sampled_from("12"),
    },
)
# An attempt is answered; refused, or refused if it empties a field; or its answer, or the process, is lost
# before or after it was carried out.
ENDS = st.sampled_from(
    ["well", "well", "429", "403", NO_NULLS, "lost before", "lost after", "died before", "died after"]
)
GONE = {"gone_in_envoy", "not_found"}
CALLED_OFF, BY_HAND = "called off", "removed by hand"
# A change, a word of those two, or an attempt; attempts come most often.
STEPS = st.lists(
    st.one_of(CONTENTS, ENDS, ENDS, st.sampled_from([CALLED_OFF, BY_HAND])), min_size=4, max_size=16
)


class History:
    """The row, what is stored of Envoy's content, and what Envoy really has."""

    def __init__(self, *, recreate: bool) -> None:
        """Begin with nothing."""
        self.recreate = recreate
        self.wanted: Content | None = None  # None: called off
        self.status = Status.WITHDRAWN
        self.error_code: str | None = None
        self.envoy_id: str | None = None
        self.stored: Content | None = None
        self.envoy: dict[str, Content] = {}
        self.made = 0
        self.removed_by_hand = False
        self.may_be_mailed = False  # an update that had the visitor mailed was not confirmed

    def want(self, content: Content | None) -> None:
        """Let the caller write the row."""
        self.wanted, self.status = content, Status.PENDING

    def step(self, step: Content | str) -> None:
        """Let one thing happen."""
        if not isinstance(step, str):
            self.want(step)
        elif step == CALLED_OFF:
            self.want(None)
        elif step == BY_HAND:
            self.removed_by_hand = self.removed_by_hand or bool(self.envoy)
            self.envoy.clear()
        elif self.status is Status.PENDING:
            self.push(step)

    def push(self, end: str) -> None:
        """Let the worker do what is due."""
        row = due_row(envoy_invite_id=self.envoy_id, sent_content=self.stored)
        call = self.planned(row)
        if isinstance(call, Settled):
            self.status, self.error_code = call.status, call.error_code
        elif call.kind is not Kind.CREATE or end in {
            "well",
            "429",
            "403",
            NO_NULLS,
        }:  # else it would be looked up
            self.attempt(row, call, end)

    def planned(self, row: DueRow) -> Call | Settled:
        """Return what is to be done about the row."""
        if self.wanted is not None:
            return update_or_create(row, self.wanted)
        if row.envoy_invite_id is None:
            return Settled(Status.WITHDRAWN)
        return Call(Kind.REMOVE, content_in_flight=while_removing(row.sent_content))

    def attempt(self, row: DueRow, call: Call, end: str) -> None:
        """Make one attempt, and store what it came to unless the process died."""
        self.stored = call.content_in_flight
        answer: Written | EnvoyError
        if end in {"429", "403"}:
            answer = Throttled() if end == "429" else Forbidden()
        elif end == NO_NULLS and call.kind is Kind.UPDATE and emptied(call.body):
            answer = Refused(http_status=422)
        elif end.endswith("before"):
            answer = OutcomeUnknown()
        else:
            answer = self.carry_out(call)
        if end.startswith("died"):
            return
        if end == "lost after":
            answer = OutcomeUnknown()
        self.settle(row, call, answer)

    def carry_out(self, call: Call) -> Written | NotFound:
        """Do in Envoy what it is asked for."""
        if call.kind is Kind.REMOVE:
            self.envoy.pop(str(self.envoy_id), None)
            return Written(200, None)
        known = self.envoy.get(str(self.envoy_id))
        if call.body.get("locationId") == NOWHERE or (call.kind is Kind.UPDATE and known is None):
            return NotFound()
        if call.kind is Kind.CREATE:
            self.made += 1
        if call.kind is Kind.UPDATE:
            assert not (self.may_be_mailed and call.body["sendEmailToInvitee"])
            self.may_be_mailed = self.may_be_mailed or call.body["sendEmailToInvitee"]
        number = str(self.made) if call.kind is Kind.CREATE else str(self.envoy_id)
        self.envoy[number] = merged(self.envoy.get(number, {}), call.body)
        return Written(200, Invite(number, "APPROVED", None, None, None, None, None, None))

    def settle(self, row: DueRow, call: Call, answer: Written | EnvoyError) -> None:
        """Store a verdict as the worker does."""
        outcome = self.judged(row, call, answer)
        if outcome.verdict is Verdict.SENT:
            self.envoy_id, self.stored = outcome.envoy_invite_id, outcome.content
            self.may_be_mailed = False
        elif outcome.gone:
            self.envoy_id, self.stored, self.may_be_mailed = None, None, False
        elif outcome.restored:
            self.stored = outcome.content
        self.status, self.error_code = outcome.status, outcome.error_code

    def judged(self, row: DueRow, call: Call, answer: Written | EnvoyError) -> Outcome:
        """Return what the answer means."""
        if isinstance(answer, Written):
            return outcomes.accepted(call, row, answer)
        if isinstance(answer, Forbidden):
            return outcomes.forbidden_amid_successes(call, row, answer)
        return outcomes.failed(call, row, answer, recreate=self.recreate)

    def is_as_wanted(self) -> bool:
        """Return whether Envoy has what the row says, but for what the row says that Envoy has otherwise."""
        wanted, (has,) = dict(self.wanted or {}), self.envoy.values()
        if self.error_code == "not_cleared":
            has = without(has, {*has.keys() - wanted.keys(), *({EMAIL} - emails(wanted))})
        # The last update did not ask for a mail if one before it may have: that is told, or was.
        mail = has["sendEmailToInvitee"] or wanted["sendEmailToInvitee"]
        return {**has, "sendEmailToInvitee": mail} == wanted


def emails(content: Content) -> set[str]:
    """Return the name of the field, where there is one."""
    return {EMAIL} if "email" in content["invitee"] else set()


def merged(before: Content, body: Content) -> Content:
    """Return what an invite is after an update; nulls and empty lists clear."""
    both: dict[str, Any] = {**before, **body}
    invitee = {**before.get("invitee", {}), **body.get("invitee", {})}
    both["invitee"] = {key: value for key, value in invitee.items() if value is not None}
    return {key: value for key, value in both.items() if value not in (None, [])}


@settings(max_examples=600, deadline=None, database=None, derandomize=True)
@given(first=CONTENTS, steps=STEPS, last=CONTENTS, recreate=st.booleans())
def test_whatever_happens_it_is_never_there_twice_and_comes_to_what_is_wanted(
    first: Content, steps: list[Content | str], last: Content, recreate: bool
) -> None:
    """In the end Envoy has the visit as it is wanted, or a person is told that somebody deleted it there."""
    history = History(recreate=recreate)
    history.want(first)
    for step in ["well", *steps]:
        history.step(step)
        assert len(history.envoy) <= 1

    history.want({**last, "locationId": "100"})
    for _ in range(8):
        history.step("well")

    if history.status is Status.SENT:
        deleted_unseen = history.removed_by_hand and not history.envoy
        assert deleted_unseen or history.is_as_wanted()
    else:
        assert (history.status, recreate, history.removed_by_hand) == (Status.REJECTED, False, True)
        assert history.error_code in GONE
