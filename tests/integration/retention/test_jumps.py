"""A clock that has jumped since the last run is not believed by that run, whatever confirms it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.integration.retention.conftest import SECRETS, CustomerOverTime
from worker.database.owner import this_boot_clock


@pytest.fixture
def seen(customer_with_past_visit: CustomerOverTime) -> CustomerOverTime:
    """Give a customer in which a run has seen the clocks of this boot, and a visit is due."""
    customer_with_past_visit.prune()
    assert customer_with_past_visit.worker.rows("SELECT seen_boot FROM job WHERE name = 'prune_history'") == [
        {"seen_boot": this_boot_clock()}
    ]
    customer_with_past_visit.visit("second", in_days=-31)
    customer_with_past_visit.stand("second", status="expired", updated_at="2020-06-01T10:00:00.000Z")
    return customer_with_past_visit


@pytest.mark.parametrize("jump", [{"minutes": 6}, {"days": 3650}])
def test_the_next_run_does_nothing_and_the_one_after_goes_on(
    seen: CustomerOverTime, jump: dict[str, float]
) -> None:
    """Should Envoy's clock tell the same time by then."""
    seen.turn(**jump)
    seen.agree()

    first, second = seen.prune(), seen.prune()

    assert (first.error_code, first.counts["cleared"]) == ("clock_jumped", 0)
    assert "jumped" in first.hint
    assert [int(code) for code in first.troubles] == [75]
    assert (second.troubles, second.counts["cleared"]) == (set(), 1)


def test_what_was_seen_before_a_jump_confirms_nothing_after_it(seen: CustomerOverTime) -> None:
    """Though it is less than a day old by the clock that jumped: Envoy is asked again."""
    seen.turn(hours=20)
    seen.sandbox.set_faults(replace(seen.sandbox.faults, outage="drop"))
    seen.boot += 90_000  # nothing in memory tells it either, as in a process that was just started

    codes = [seen.prune().error_code for _ in range(2)]

    assert codes == ["clock_jumped", "clock_unconfirmed"]


@pytest.mark.parametrize("step", [200, -200])
def test_a_little_step_is_none(seen: CustomerOverTime, step: float) -> None:
    """Clocks are put right now and then."""
    seen.turn(seconds=step)

    assert seen.prune().counts["cleared"] == 1


def test_a_jump_is_seen_by_a_run_that_has_nothing_to_do(customer_with_past_visit: CustomerOverTime) -> None:
    """It is no trouble then, and the runs after it look from there on."""
    customer_with_past_visit.prune()
    customer_with_past_visit.turn(hours=3)
    customer_with_past_visit.agree()

    idle = customer_with_past_visit.prune()
    customer_with_past_visit.visit("second", in_days=-31)
    customer_with_past_visit.stand("second", status="expired", updated_at="2020-06-01T10:00:00.000Z")

    assert (idle.hint, idle.troubles) == ("", set())
    assert customer_with_past_visit.prune().counts["cleared"] == 1


def test_a_clock_that_is_put_right_while_it_is_confirmed_clears_nothing(customer: CustomerOverTime) -> None:
    """What Envoy's clock agrees with is then another time than the one by which the visit was over."""
    customer.visit()
    assert customer.worker.push().counts["sent"] == 1
    customer.prune()
    customer.turn(days=3650)
    assert customer.prune().error_code == "clock_jumped"

    def put_right() -> None:
        if customer.now.year > datetime.now(UTC).year + 2:
            customer.turn(days=-3650)

    customer.beside = put_right
    found = customer.prune()

    assert (found.error_code, found.counts["cleared"]) == ("clock_jumped", 0)
    assert customer.invite()["invitee_name"] == SECRETS["invitee_name"]
    assert (customer.prune().counts["cleared"], customer.invite()["notes"]) == (0, SECRETS["notes"])
