import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.delivery.reconcile.decision import Decision, Schedule, decide
from worker.delivery.reconcile.matching import Judgement, Match
from worker.envoy.resources import Invite
from worker.invites import Status

SCHEDULE = Schedule([5, 30, 120, 600])
INVITE = Invite("7", "APPROVED", None, None, None, None, None, None)


def decided(
    match: Match,
    *,
    look_ups: int = 3,
    interruptions: int = 0,
    proof: str | None = "40000001",
    restored: bool = False,
) -> Decision:
    """Decide about one look."""
    invites = () if match is Match.NOTHING else (INVITE,)
    return decide(
        Judgement(match, invites),
        SCHEDULE,
        look_ups=look_ups,
        interruptions=interruptions,
        proof=proof,
        restored=restored,
    )


def test_a_look_comes_when_the_settings_say() -> None:
    """The times count from the doubt; the waits are what lies between them, and the last one repeats."""
    assert [SCHEDULE.wait(number) for number in range(6)] == [5, 25, 90, 480, 480, 480]


def test_what_was_found_is_sent_at_any_look() -> None:
    """One look is enough to see that it is there."""
    for look_ups in range(4):
        decision = decided(Match.FOUND, look_ups=look_ups, proof=None)
        assert (decision.status, decision.invite) == (Status.SENT, INVITE)


@pytest.mark.parametrize("match", [Match.NOTHING, Match.NEAR])
def test_before_the_last_look_nothing_is_concluded(match: Match) -> None:
    """An invite may show up late, so that only the last look says that it is not there."""
    decision = decided(match, look_ups=1)

    assert (decision.status, decision.look_ups, decision.wait) == (Status.UNKNOWN, 2, 90)
    assert not decision.for_a_person


def test_after_a_restore_what_is_near_is_looked_up_ten_times_more() -> None:
    """It may be another row's, which a look gives its id back; then a person is asked."""
    waits = [decided(Match.NEAR, look_ups=number, restored=True).wait for number in range(3, 14)]

    assert waits == [480] * 10 + [None]
    assert decided(Match.NEAR).for_a_person


def test_after_the_last_look_it_is_sent_again_with_its_evidence() -> None:
    """The ledger says how often it was looked for, and what shows that looking works."""
    decision = decided(Match.NOTHING)

    assert decision.status is Status.PENDING
    assert decision.detail == "4 looks found nothing; the same query found 40000001"


def test_without_a_proof_that_the_query_works_nothing_is_sent_again() -> None:
    """A query that never found anything may be one that finds nothing; it is looked again, later."""
    decision = decided(Match.NOTHING, proof=None)

    assert (decision.status, decision.look_ups, decision.wait) == (Status.UNKNOWN, 4, 480)
    assert decision.error_code == "look_up_unproven"


def test_a_query_that_never_finds_anything_is_for_a_person_in_the_end() -> None:
    """Ten more looks without any known invite: nobody would hear of it otherwise."""
    last_but_one = decided(Match.NOTHING, look_ups=12, proof=None)
    last = decided(Match.NOTHING, look_ups=13, proof=None)

    assert (last_but_one.for_a_person, last.for_a_person) == (False, True)
    assert last.error_code == "look_up_unproven"


def test_what_ends_its_process_again_and_again_is_set_aside() -> None:
    """Two interruptions are bad luck, a third one may be the row's own doing."""
    assert decided(Match.NOTHING, interruptions=2).status is Status.PENDING

    decision = decided(Match.NOTHING, interruptions=3)

    assert (decision.status, decision.error_code) == (Status.REJECTED, "interrupted_repeatedly")


@pytest.mark.parametrize(
    ("match", "look_ups", "code"),
    [
        (Match.SEVERAL, 0, "look_up_several"),
        (Match.OLDER, 0, "look_up_older"),
        (Match.NEAR, 3, "look_up_near"),
    ],
)
def test_what_is_not_clear_is_left_for_a_person(match: Match, look_ups: int, code: str) -> None:
    """With the ids to compare, and no further look."""
    decision = decided(match, look_ups=look_ups)

    assert (decision.error_code, decision.detail, decision.for_a_person) == (code, "in Envoy: 7", True)


@given(
    match=st.sampled_from(Match),
    look_ups=st.integers(0, 10),
    interruptions=st.integers(0, 10),
    proof=st.none() | st.just("40000001"),
)
def test_nothing_is_sent_again_without_every_look_and_a_proof(
    match: Match, look_ups: int, interruptions: int, proof: str | None
) -> None:
    """Whatever the look says: pending needs the last look, nothing found, and a query that works."""
    decision = decided(match, look_ups=look_ups, interruptions=interruptions, proof=proof)

    if decision.status is Status.PENDING:
        assert (match, proof) == (Match.NOTHING, "40000001")
        assert look_ups >= 3
