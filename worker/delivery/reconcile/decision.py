"""Decide what one look into Envoy means for a doubtful create; pure.

Only repeated looks that found nothing let an invite be sent again, and only if the same query is
known to find what is there.  Whatever is less than clear is left for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.delivery.reconcile.matching import Judgement, Match
from worker.envoy.resources import Invite as EnvoyInvite
from worker.invites import Status, Verdict

# A row whose attempts ended so often with the death of their process may be what kills it.
MOST_INTERRUPTIONS = 3
# How often it is looked on when the query finds nothing that is known, before a person is asked; or, after a
# restore, what may be another row's.
MOST_UNPROVEN = 10

FOR_A_PERSON = {
    Match.SEVERAL: "look_up_several",
    Match.NEAR: "look_up_near",
    Match.OLDER: "look_up_older",
}
UNPROVEN = "look_up_unproven"
INTERRUPTED_TOO_OFTEN = "interrupted_repeatedly"
CONTENT_GONE = "content_gone"
REFUSED = "look_up_refused"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the row, and what the ledger says; ``wait`` is the time to the next look, if any."""

    status: Status
    verdict: Verdict
    look_ups: int = 0
    wait: float | None = None
    error_code: str | None = None
    detail: str | None = None
    invite: EnvoyInvite | None = None

    @property
    def for_a_person(self) -> bool:
        """Whether nobody looks any more."""
        return self.status is Status.UNKNOWN and self.wait is None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a doubtful create is looked up: seconds since it became unknown, each more than the last."""

    after: Sequence[float]

    @property
    def number(self) -> int:
        """How many looks there are."""
        return len(self.after)

    def wait(self, look_ups: int) -> float:
        """Return the seconds between the look before and the one after so many; the last one repeats."""
        index = min(look_ups, self.number - 1)
        return self.after[index] - (self.after[index - 1] if index else 0.0)

    def is_last(self, look_ups: int) -> bool:
        """Return whether the look after so many is the one that decides."""
        return look_ups + 1 >= self.number


def decide(
    judgement: Judgement,
    schedule: Schedule,
    *,
    look_ups: int,
    interruptions: int,
    proof: str | None,
    restored: bool = False,
) -> Decision:
    """Return what a complete look means; *proof* names a known invite that the same query has found.

    *restored*: what is near may be another row's, whose id the database has lost and finds again.
    """
    if judgement.match is Match.FOUND:
        return Decision(Status.SENT, Verdict.SENT, invite=judgement.invites[0])
    if judgement.match in {Match.SEVERAL, Match.OLDER}:
        return left_for_a_person(FOR_A_PERSON[judgement.match], look_ups + 1, f"in Envoy: {judgement.ids}")
    if not schedule.is_last(look_ups):
        done = f"look {look_ups + 1} of {schedule.number} found nothing"
        return _again(schedule, look_ups + 1, detail=done)
    if judgement.match is Match.NEAR:
        return _near(judgement, schedule, look_ups + 1, wait=restored)
    if proof is None:
        return _unproven(schedule, look_ups + 1)
    return _absent(schedule, interruptions, proof)


def left_for_a_person(error_code: str, look_ups: int, detail: str) -> Decision:
    """Return the decision that only a person can take it further."""
    return Decision(Status.UNKNOWN, Verdict.UNKNOWN, look_ups, error_code=error_code, detail=detail)


def _near(judgement: Judgement, schedule: Schedule, look_ups: int, *, wait: bool) -> Decision:
    detail = f"in Envoy: {judgement.ids}"
    if wait and look_ups < schedule.number + MOST_UNPROVEN:
        return _again(schedule, look_ups, error_code=FOR_A_PERSON[Match.NEAR], detail=detail)
    return left_for_a_person(FOR_A_PERSON[Match.NEAR], look_ups, detail)


def _unproven(schedule: Schedule, look_ups: int) -> Decision:
    detail = "the query has found no invite that is known to be there"
    if look_ups >= schedule.number + MOST_UNPROVEN:
        return left_for_a_person(UNPROVEN, look_ups, detail)
    return _again(schedule, look_ups, error_code=UNPROVEN, detail=detail)


def _again(schedule: Schedule, look_ups: int, *, detail: str, error_code: str | None = None) -> Decision:
    wait = schedule.wait(look_ups)
    return Decision(Status.UNKNOWN, Verdict.UNKNOWN, look_ups, wait, error_code, detail)


def _absent(schedule: Schedule, interruptions: int, proof: str) -> Decision:
    evidence = f"{schedule.number} looks found nothing; the same query found {proof}"
    if interruptions >= MOST_INTERRUPTIONS:
        return Decision(
            Status.REJECTED,
            Verdict.REJECTED,
            error_code=INTERRUPTED_TOO_OFTEN,
            detail=f"interrupted {interruptions} times in a row; {evidence}",
        )
    return Decision(Status.PENDING, Verdict.DEFERRED, detail=evidence)
