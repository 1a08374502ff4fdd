"""What first parties have in hand: each has looked at a row, and decided on what it saw.

Called with a scene, each gives what it does then; what that returns is what it is told.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.integration.delivery.parties import FAR, IN_DOUBT, PAST, REFUSED, SENT, Scene
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Settled
from worker.delivery.recovery.interrupted import abandoned, give_up, reopen
from worker.delivery.store.finishing import settle_without_call
from worker.delivery.store.unclaim import take_back
from worker.errors import UsageError
from worker.invites import Kind, Status, moves

Act = Callable[[], object]
UNFINISHED = Settled(Status.REJECTED, "location_missing")


def claiming(scene: Scene) -> Act:
    """Claim a due row as it was read."""
    row = scene.due()
    return lambda: scene.claim(row)


def finishing(scene: Scene) -> Act:
    """Finish a due row for which nothing has to be sent."""
    row = scene.due()
    return lambda: settle_without_call(scene.database, [(row, UNFINISHED)])


def storing(outcome: Outcome, kind: Kind = Kind.CREATE) -> Callable[[Scene], Act]:
    """Store what an attempt came to."""

    def first(scene: Scene) -> Act:
        attempt = scene.begin(kind)
        return lambda: attempt.store(outcome)

    return first


def giving_up(kind: Kind) -> Callable[[Scene], Act]:
    """Give up an attempt whose lease was over when it was listed."""

    def first(scene: Scene) -> Act:
        scene.begin(kind)
        scene.stand(lease_until=PAST)
        (attempt,) = abandoned(scene.database, longest_lease=60)
        return lambda: give_up(scene.database, attempt, first_look=5)

    return first


def taking_back(kind: Kind) -> Callable[[Scene], Act]:
    """Take back a claim whose commit was not heard."""

    def first(scene: Scene) -> Act:
        attempt = scene.begin(kind)
        return lambda: take_back(scene.database, attempt.row, attempt.claim.attempt_id)

    return first


def reopening(scene: Scene) -> Act:
    """Make due again what only a wrong clock keeps away."""
    scene.stand(next_attempt_at=FAR)
    return lambda: reopen(scene.database, longest_back_off=900)


def retrying(scene: Scene) -> Act:
    """Retry what a person saw rejected."""
    scene.tried(REFUSED)
    standing = scene.standing()
    return lambda: refusal(lambda: moves.retry(scene.database, standing))


def retrying_all(scene: Scene) -> Act:
    """Retry all that is rejected, of which there is one."""
    scene.tried(REFUSED)
    return lambda: moves.retry_rejected(scene.database, "acme")


def resolving(envoy_id: str | None) -> Callable[[Scene], Act]:
    """Say what Envoy has of what a person saw in doubt."""

    def first(scene: Scene) -> Act:
        scene.tried(IN_DOUBT)
        standing = scene.standing()
        return lambda: refusal(lambda: moves.resolve(scene.database, standing, envoy_invite_id=envoy_id))

    return first


def making_anew(scene: Scene) -> Act:
    """Have an invite made again that a person saw gone in Envoy."""
    scene.tried(replace(SENT, envoy_invite_id=scene.key))
    scene.stand(status="rejected", error_code="gone_in_envoy")
    standing = scene.standing()
    return lambda: refusal(lambda: moves.resolve(scene.database, standing, envoy_invite_id=None))


def withdrawing(scene: Scene) -> Act:
    """Say that a visit is not wanted."""
    standing = scene.standing()
    return lambda: moves.withdraw(scene.database, standing)


def refusal(act: Act) -> type[Exception] | None:
    """Return how a person's verdict was refused."""
    try:
        act()
    except UsageError as refused:
        return type(refused)
    return None
