"""One attempt: what it is made with, and what it came to."""

from dataclasses import dataclass

from worker.connections.tokens.expiry import AccessToken
from worker.connections.usable.gate import UNEXPECTED
from worker.delivery import outcomes
from worker.delivery.lanes.lane import Work
from worker.delivery.outcomes import Outcome
from worker.delivery.send.judge import Judge
from worker.delivery.store.claims import Claim
from worker.envoy.api import EnvoyApi, Written
from worker.errors import EnvoyError, OutcomeUnknown
from worker.invites import Kind


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt came to, before it is stored; ``error`` is None if Envoy confirmed it."""

    work: Work
    claim: Claim
    token: AccessToken
    outcome: Outcome
    error: EnvoyError | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Requests:
    """Makes the one request of an attempt."""

    api: EnvoyApi
    judge: Judge

    def make(self, work: Work, claim: Claim, token: AccessToken) -> tuple[Outcome, EnvoyError | None]:
        """Return what the request came to."""
        error: EnvoyError
        try:
            return outcomes.accepted(work.call, work.row, self._call(work, claim, token.value)), None
        except EnvoyError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 -- whatever it was, the request may have gone out
            error = OutcomeUnknown(f"unexpected {type(raised).__name__}", error_code=UNEXPECTED)
        return self.judge.outcome(work, error), error

    def _call(self, work: Work, claim: Claim, token: str) -> Written:
        row, call, guard = work.row, work.call, claim.require_time
        if call.kind is Kind.CREATE:
            return self.api.create_invite(token, call.body, request_id=claim.attempt_id, before_write=guard)
        assert row.envoy_invite_id is not None  # noqa: S101 -- the plan says so
        if call.kind is Kind.UPDATE:
            return self.api.update_invite(
                token, row.envoy_invite_id, call.body, request_id=claim.attempt_id, before_write=guard
            )
        return self.api.remove_invite(
            token, row.envoy_invite_id, request_id=claim.attempt_id, before_write=guard
        )
