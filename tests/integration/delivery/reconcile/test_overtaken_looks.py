"""Every conditional UPDATE of a look-up, with somebody else at the doubt first: the look changes nothing.

The look was decided on what it saw; before its statement takes effect another one acts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests import worker_rows
from tests.integration.delivery.contested_row import (
    ABSENT,
    FOUND,
    FOUND_ID,
    IN_DOUBT,
    ONCE_MORE,
    SENT,
    ContestedRow,
)
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.interleaving import overtaken, stored
from worker.delivery.reconcile.decision import Decision
from worker.errors import OutcomeUnknown
from worker.invites import moves

Write = Callable[[], object]


def taking(contested_row: ContestedRow) -> Write:
    """Take the look that is due."""
    doubt = contested_row.doubt()
    return lambda: contested_row.look_ups().take(doubt)


def recording(decision: Decision) -> Callable[[ContestedRow], Write]:
    """Write down what a look came to."""

    def first(contested_row: ContestedRow) -> Write:
        doubt = contested_row.doubt()
        began = contested_row.look_ups().take(doubt)
        assert began is not None
        return lambda: contested_row.look_ups().record(doubt, decision, began=began)

    return first


def failing(contested_row: ContestedRow) -> Write:
    """Write down that a look failed."""
    doubt = contested_row.doubt()
    began = contested_row.look_ups().take(doubt)
    assert began is not None
    return lambda: contested_row.look_ups().record_failure(doubt, OutcomeUnknown(), began=began)


def another_looks(contested_row: ContestedRow) -> None:
    """Let another worker take the look."""
    assert contested_row.look_ups().take(contested_row.seen) is not None


def another_has_looked(contested_row: ContestedRow) -> None:
    """Let another worker have written down the same look, which found nothing."""
    assert contested_row.look_ups().record(
        contested_row.seen, ONCE_MORE, began=contested_row.database.read_now()
    )


def in_doubt_anew(contested_row: ContestedRow) -> None:
    """Let the late answer leave doubt, too: looks begin again, for Envoy may have executed it only now."""
    contested_row.attempt.store(replace(IN_DOUBT, error_code="http_500"))


def answered(contested_row: ContestedRow) -> None:
    """Let the attempt in doubt be answered late."""
    contested_row.attempt.store(replace(SENT, envoy_invite_id=contested_row.key))


def resolved(contested_row: ContestedRow) -> None:
    """Let a person say under which id Envoy has it."""
    moves.resolve(contested_row.database, contested_row.standing(), envoy_invite_id=contested_row.key)


@dataclass(frozen=True)
class Case:
    """What the look does, what another does in between, and what the look is told."""

    first: Callable[[ContestedRow], Write]
    second: Callable[[ContestedRow], object]
    sees: object


OTHERS: dict[str, Callable[[ContestedRow], object]] = {
    "a late answer came": answered,
    "a late answer left doubt": in_doubt_anew,
    "a person settled it": resolved,
    "a person had it sent again": ContestedRow.resend,
    "another has looked": another_has_looked,
}
LOOKS: dict[str, tuple[Callable[[ContestedRow], Write], object]] = {
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
def test_a_look_that_comes_second_changes_no_row(shared_worker: WorkerWithSandbox, case: Case) -> None:
    """The doubt that it was made for is settled, or another look has counted already."""
    contested_row = ContestedRow(shared_worker)
    contested_row.tried(IN_DOUBT)
    write = case.first(contested_row)
    left: dict[str, object] = {}

    def in_between() -> None:
        case.second(contested_row)
        left.update(stored(contested_row.database))

    with overtaken(contested_row.database, in_between):
        sees = write()

    assert sees == case.sees
    assert stored(contested_row.database) == left


def test_of_two_rows_that_a_look_finds_the_same_invite_for_one_gets_it(
    shared_worker: WorkerWithSandbox,
) -> None:
    """Another invite has the id by now: this one stays in doubt, and is looked up again."""
    contested_row = ContestedRow(shared_worker)
    other = ContestedRow(shared_worker)
    worker_rows.set_status(contested_row.worker, "pending", contested_row.key)
    for one in (contested_row, other):
        one.tried(IN_DOUBT)
    write = recording(FOUND)(contested_row)

    def in_between() -> None:
        moves.resolve(other.database, other.standing(), envoy_invite_id=FOUND_ID)

    with overtaken(contested_row.database, in_between):
        assert write() is False

    assert (contested_row.delivery["status"], contested_row.delivery["envoy_invite_id"]) == ("unknown", None)
    assert other.delivery["envoy_invite_id"] == FOUND_ID


def test_a_change_during_a_look_is_not_overwritten_by_what_it_found(shared_worker: WorkerWithSandbox) -> None:
    """The invite gets its id, in the revision that was tried; the change is due next, as an update."""
    contested_row = ContestedRow(shared_worker)
    contested_row.tried(IN_DOUBT)
    write = recording(FOUND)(contested_row)

    with overtaken(contested_row.database, contested_row.change):
        assert write() is True

    after = contested_row.delivery
    assert (after["status"], after["sent_revision"], after["revision"]) == ("pending", 1, 2)
    assert after["envoy_invite_id"] == FOUND_ID
