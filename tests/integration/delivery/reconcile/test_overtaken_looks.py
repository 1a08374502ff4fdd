"""Every conditional UPDATE of a look-up, with somebody else at the doubt first: the look changes nothing.

The look was decided on what it saw; before its statement takes effect another one acts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.integration.delivery.parties import (
    ABSENT,
    FOUND,
    FOUND_ID,
    IN_DOUBT,
    ONCE_MORE,
    SENT,
    Scene,
)
from tests.integration.delivery.world import World
from tests.interleaving import overtaken, stored
from worker.delivery.reconcile.decision import Decision
from worker.errors import OutcomeUnknown
from worker.invites import moves

Act = Callable[[], object]


def taking(scene: Scene) -> Act:
    """Take the look that is due."""
    doubt = scene.doubt()
    return lambda: scene.look_ups().take(doubt)


def recording(decision: Decision) -> Callable[[Scene], Act]:
    """Write down what a look came to."""

    def first(scene: Scene) -> Act:
        doubt = scene.doubt()
        began = scene.look_ups().take(doubt)
        assert began is not None
        return lambda: scene.look_ups().record(doubt, decision, began=began)

    return first


def failing(scene: Scene) -> Act:
    """Write down that a look failed."""
    doubt = scene.doubt()
    began = scene.look_ups().take(doubt)
    assert began is not None
    return lambda: scene.look_ups().record_failure(doubt, OutcomeUnknown(), began=began)


def another_looks(scene: Scene) -> None:
    """Let another worker take the look."""
    assert scene.look_ups().take(scene.seen) is not None


def another_has_looked(scene: Scene) -> None:
    """Let another worker have written down the same look, which found nothing."""
    assert scene.look_ups().record(scene.seen, ONCE_MORE, began=scene.database.read_now())


def in_doubt_anew(scene: Scene) -> None:
    """Let the late answer leave doubt, too: looks begin again, for Envoy may have executed it only now."""
    scene.in_hand.store(replace(IN_DOUBT, error_code="http_500"))


def answered(scene: Scene) -> None:
    """Let the attempt in doubt be answered late."""
    scene.in_hand.store(replace(SENT, envoy_invite_id=scene.key))


def resolved(scene: Scene) -> None:
    """Let a person say under which id Envoy has it."""
    moves.resolve(scene.database, scene.standing(), envoy_invite_id=scene.key)


@dataclass(frozen=True)
class Case:
    """What the look does, what another does meanwhile, and what the look is told."""

    first: Callable[[Scene], Act]
    second: Callable[[Scene], object]
    sees: object


OTHERS: dict[str, Callable[[Scene], object]] = {
    "a late answer came": answered,
    "a late answer left doubt": in_doubt_anew,
    "a person settled it": resolved,
    "a person had it sent again": Scene.resend,
    "another has looked": another_has_looked,
}
LOOKS: dict[str, tuple[Callable[[Scene], Act], object]] = {
    "it was found": (recording(FOUND), False),
    "it is absent": (recording(ABSENT), False),
    "not yet": (recording(ONCE_MORE), False),
    "it failed": (failing, None),
}
CASES = {
    "a look is taken: another takes it": Case(taking, another_looks, None),
    **{f"a look is taken: {name}": Case(taking, other, None) for name, other in OTHERS.items()},
    **{
        f"{look}: {name}": Case(first, other, sees)
        for look, (first, sees) in LOOKS.items()
        for name, other in OTHERS.items()
    },
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_look_that_comes_second_changes_no_row(shared_world: World, case: Case) -> None:
    """The doubt that it was made for is settled, or another look has counted already."""
    scene = Scene(shared_world)
    scene.tried(IN_DOUBT)
    act = case.first(scene)
    left: dict[str, object] = {}

    def meanwhile() -> None:
        case.second(scene)
        left.update(stored(scene.database))

    with overtaken(scene.database, meanwhile):
        sees = act()

    assert sees == case.sees
    assert stored(scene.database) == left


def test_of_two_rows_that_a_look_finds_the_same_invite_for_one_gets_it(shared_world: World) -> None:
    """Another invite has the id by now: this one stays in doubt, and is looked up again."""
    scene = Scene(shared_world)
    other = Scene(shared_world)
    scene.world.execute("UPDATE delivery SET status = 'pending' WHERE external_id = :k", k=scene.key)
    for one in (scene, other):
        one.tried(IN_DOUBT)
    act = recording(FOUND)(scene)

    def meanwhile() -> None:
        moves.resolve(other.database, other.standing(), envoy_invite_id=FOUND_ID)

    with overtaken(scene.database, meanwhile):
        assert act() is False

    assert (scene.delivery["status"], scene.delivery["envoy_invite_id"]) == ("unknown", None)
    assert other.delivery["envoy_invite_id"] == FOUND_ID


def test_a_change_during_a_look_is_not_overwritten_by_what_it_found(shared_world: World) -> None:
    """The invite gets its id, in the revision that was tried; the change is due next, as an update."""
    scene = Scene(shared_world)
    scene.tried(IN_DOUBT)
    act = recording(FOUND)(scene)

    with overtaken(scene.database, scene.change):
        assert act() is True

    after = scene.delivery
    assert (after["status"], after["sent_revision"], after["revision"]) == ("pending", 1, 2)
    assert after["envoy_invite_id"] == FOUND_ID
