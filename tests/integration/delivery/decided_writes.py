"""Writes that first parties have decided on: each has looked at a row, and goes by what it saw.

Called with a contested row, each gives what it does then; what that returns is what it is told.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.integration.delivery.contested_row import FAR, IN_DOUBT, PAST, REFUSED, SENT, ContestedRow
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Settled
from worker.delivery.recovery.interrupted import abandoned, give_up, reopen
from worker.delivery.store.finishing import settle_without_call
from worker.delivery.store.unclaim import take_back
from worker.errors import UsageError
from worker.invites import Kind, Status, moves

Write = Callable[[], object]
UNFINISHED = Settled(Status.REJECTED, "location_missing")


def claiming(contested_row: ContestedRow) -> Write:
    """Claim a due row as it was read."""
    row = contested_row.due()
    return lambda: contested_row.claim(row)


def finishing(contested_row: ContestedRow) -> Write:
    """Finish a due row for which nothing has to be sent."""
    row = contested_row.due()
    return lambda: settle_without_call(contested_row.database, [(row, UNFINISHED)])


def storing(outcome: Outcome, kind: Kind = Kind.CREATE) -> Callable[[ContestedRow], Write]:
    """Store what an attempt came to."""

    def first(contested_row: ContestedRow) -> Write:
        attempt = contested_row.begin(kind)
        return lambda: attempt.store(outcome)

    return first


def giving_up(kind: Kind) -> Callable[[ContestedRow], Write]:
    """Give up an attempt whose lease was over when it was listed."""

    def first(contested_row: ContestedRow) -> Write:
        contested_row.begin(kind)
        contested_row.stand(lease_until=PAST)
        (attempt,) = abandoned(contested_row.database, longest_lease=60)
        return lambda: give_up(contested_row.database, attempt, first_look=5)

    return first


def taking_back(kind: Kind) -> Callable[[ContestedRow], Write]:
    """Take back a claim whose commit was not heard."""

    def first(contested_row: ContestedRow) -> Write:
        attempt = contested_row.begin(kind)
        return lambda: take_back(contested_row.database, attempt.row, attempt.claim.attempt_id)

    return first


def reopening(contested_row: ContestedRow) -> Write:
    """Make due again what only a wrong clock keeps away."""
    contested_row.stand(next_attempt_at=FAR)
    return lambda: reopen(contested_row.database, longest_back_off=900)


def retrying(contested_row: ContestedRow) -> Write:
    """Retry what a person saw rejected."""
    contested_row.tried(REFUSED)
    standing = contested_row.standing()
    return lambda: refusal(lambda: moves.retry(contested_row.database, standing))


def retrying_all(contested_row: ContestedRow) -> Write:
    """Retry all that is rejected, of which there is one."""
    contested_row.tried(REFUSED)
    return lambda: moves.retry_rejected(contested_row.database, "acme")


def resolving(envoy_id: str | None) -> Callable[[ContestedRow], Write]:
    """Say what Envoy has of what a person saw in doubt."""

    def first(contested_row: ContestedRow) -> Write:
        contested_row.tried(IN_DOUBT)
        standing = contested_row.standing()
        return lambda: refusal(
            lambda: moves.resolve(contested_row.database, standing, envoy_invite_id=envoy_id)
        )

    return first


def making_anew(contested_row: ContestedRow) -> Write:
    """Have an invite made again that a person saw gone in Envoy."""
    contested_row.tried(replace(SENT, envoy_invite_id=contested_row.key))
    contested_row.stand(status="rejected", error_code="gone_in_envoy")
    standing = contested_row.standing()
    return lambda: refusal(lambda: moves.resolve(contested_row.database, standing, envoy_invite_id=None))


def withdrawing(contested_row: ContestedRow) -> Write:
    """Say that a visit is not wanted."""
    standing = contested_row.standing()
    return lambda: moves.withdraw(contested_row.database, standing)


def refusal(write: Write) -> type[Exception] | None:
    """Return how a person's verdict was refused."""
    try:
        write()
    except UsageError as refused:
        return type(refused)
    return None
