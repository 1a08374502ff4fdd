"""The worker's own decisions, asked with the model's values; each is asked once for each question."""

import json
from functools import cache

from tests.delivery_model.state import Seen
from tests.due_rows import ACME, DIRECTORY, NOW, due_row
from worker.delivery import outcomes
from worker.delivery.due import DueRow
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Call, LookFirst, Settled, plan
from worker.delivery.reconcile.decision import Schedule, decide
from worker.delivery.reconcile.matching import judge, sought_in
from worker.envoy import resources
from worker.envoy.api import Written
from worker.errors import EnvoyError, NotFound, NotSent, OutcomeUnknown
from worker.invites import Status

PROOF = "known"
FAILURES: dict[str, type[EnvoyError]] = {"missing": NotFound, "lost": OutcomeUnknown, "not_sent": NotSent}


@cache
def row_of(seen: Seen) -> DueRow:
    """Return the due row that a worker has seen."""
    return due_row(
        revision=seen.revision,
        fencing_token=seen.token,
        envoy_invite_id=None if seen.envoy_id is None else str(seen.envoy_id),
        sent_content=None if seen.content is None else json.loads(seen.content),
        notes=f"text {seen.text}",
        wanted="present" if seen.wanted else "absent",
    )


@cache
def planned(seen: Seen) -> Call | Settled:
    """Return what the worker plans."""
    made = plan(row_of(seen), DIRECTORY, ACME, host_of=lambda _row, _place: None, now=NOW)
    assert not isinstance(made, LookFirst)  # nothing was restored
    return made


@cache
def content_in_flight(seen: Seen) -> str | None:
    """Return the content that is stored with the claim."""
    call = planned(seen)
    assert isinstance(call, Call)
    return as_text(call.content_in_flight)


@cache
def outcome(seen: Seen, result: str, envoy_id: int | None) -> tuple[Outcome, str | None]:
    """Return what the worker makes of an answer, or of none; and its content as the model keeps it."""
    made = _outcome(seen, result, envoy_id)
    return made, as_text(made.content)


def _outcome(seen: Seen, result: str, envoy_id: int | None) -> Outcome:
    call, row = planned(seen), row_of(seen)
    assert isinstance(call, Call)
    if result == "ok":
        invite = None if envoy_id is None else resources.invite({"id": str(envoy_id)})
        return outcomes.accepted(call, row, Written(200, invite))
    return outcomes.failed(call, row, FAILURES[result]())


@cache
def looked(
    content: str, shown: tuple[int, ...], excluded: frozenset[int], look_ups: int, looks: int
) -> tuple[str, int | None]:
    """Return what a look decides (sent, pending, again, person), and the id that it found."""
    sent = json.loads(content)
    sought = sought_in(sent, marker=None, begun_at=NOW)
    assert sought is not None
    shape = {**sent, "createdAt": NOW.isoformat()}
    listed = [resources.invite({**shape, "id": str(number)}) for number in shown]
    judgement = judge(sought, [one for one in listed if one], owned={str(number) for number in excluded})
    schedule = Schedule([5.0 * (number + 1) for number in range(looks)])
    decision = decide(judgement, schedule, look_ups=look_ups, interruptions=0, proof=PROOF)
    if decision.status is Status.UNKNOWN:
        return ("person" if decision.for_a_person else "again"), None
    return decision.status.value, int(decision.invite.id) if decision.invite else None


def as_text(content: object) -> str | None:
    """Return JSON that is equal for equal content."""
    return None if content is None else json.dumps(content, sort_keys=True)
