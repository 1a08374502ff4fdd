"""Nothing is cleared or deleted by one clock alone: Envoy's must confirm the database's."""

from dataclasses import replace

import pytest
import structlog

from jobs import prune_history
from tests.integration.retention.conftest import CustomerOverTime
from worker.cli.check import envoy
from worker.errors import ClockDoubted
from worker.failpoints import armed
from worker.report import Report
from worker.runs import ResolvedJob, execute, resolve_all
from worker.settings import JobSettings

TABLES = ("invite", "delivery", "attempt", "job_run")
YEARS = 3652


def everything(customer: CustomerOverTime) -> list[object]:
    """Return all that a run could clear or delete."""
    return [customer.worker.rows(f"SELECT * FROM {table} ORDER BY id") for table in TABLES]  # noqa: S608


def nothing(report: Report) -> bool:
    """Return whether a run did nothing, and said so by all counts."""
    return set(report.counts.values()) == {0}


def job() -> ResolvedJob:
    """Return the job as it is registered."""
    settings = JobSettings(run="jobs.prune_history:run", cron="17 3 * * *")
    return resolve_all({"prune_history": settings})["prune_history"]


def in_a_service(customer: CustomerOverTime) -> list[dict[str, object]]:
    """Run the job as the scheduler does, and return what it says above DEBUG."""
    with structlog.testing.capture_logs() as said:
        execute(customer.worker.context, job(), trigger="schedule")
    return [dict(event) for event in said if event["log_level"] != "debug"]


@pytest.mark.parametrize("ahead", [YEARS, 0.05])
def test_a_clock_that_is_ahead_clears_no_coming_visits(customer: CustomerOverTime, ahead: float) -> None:
    """By it all of them are over for long; by Envoy's they are still to come."""
    customer.visit(in_days=20)
    customer.worker.push()
    customer.visit("gone", in_days=-31)
    customer.stand("gone", status="expired", updated_at="2020-06-01T10:00:00.000Z")
    customer.turn(days=ahead)
    before = everything(customer)

    report = customer.prune()

    assert nothing(report)
    assert everything(customer) == before
    assert report.error_code == "clock_disagrees"
    assert "ahead of Envoy's" in report.hint
    assert [int(code) for code in report.troubles] == [75]


def test_a_clock_that_is_behind_clears_nothing_either(customer_with_past_visit: CustomerOverTime) -> None:
    """Nobody knows which of the two is wrong."""
    customer_with_past_visit.turn(hours=-3)

    report = customer_with_past_visit.prune()

    assert nothing(report)
    assert "3 hours behind Envoy's" in report.hint


def test_once_the_clocks_agree_again_it_goes_on(customer_with_past_visit: CustomerOverTime) -> None:
    """What was said before is not held against the clock that was put right."""
    customer_with_past_visit.let_envoy_say("-86400")
    first = customer_with_past_visit.prune()
    customer_with_past_visit.agree()

    assert (nothing(first), customer_with_past_visit.prune().counts["cleared"]) == (True, 1)


@pytest.mark.parametrize(
    ("outage", "code", "exit_code"), [("drop", "clock_unconfirmed", 69), ("", "clock_unconfirmed", 75)]
)
def test_without_an_answer_nothing_is_done(
    customer_with_past_visit: CustomerOverTime, outage: str, code: str, exit_code: int
) -> None:
    """Or with one that does not say what time it is."""
    customer_with_past_visit.sandbox.set_faults(
        replace(customer_with_past_visit.sandbox.faults, outage=outage, date="absent")
    )
    before = everything(customer_with_past_visit)

    report = customer_with_past_visit.prune()

    assert nothing(report)
    assert everything(customer_with_past_visit) == before
    assert (report.error_code, [int(code) for code in report.troubles]) == (code, [exit_code])


def test_a_date_that_nobody_can_mean_confirms_nothing(customer_with_past_visit: CustomerOverTime) -> None:
    """And breaks nothing."""
    customer_with_past_visit.let_envoy_say("Fri, 31 Dec 9999 23:59:59 GMT")

    assert nothing(customer_with_past_visit.prune())


def test_any_answer_with_a_date_will_do(customer_with_past_visit: CustomerOverTime) -> None:
    """Whether Envoy is well is another question."""
    customer_with_past_visit.sandbox.set_faults(
        replace(customer_with_past_visit.sandbox.faults, outage="503")
    )

    assert customer_with_past_visit.prune().counts["cleared"] == 1


def test_what_was_seen_within_a_day_is_believed_without_asking(
    customer_with_past_visit: CustomerOverTime,
) -> None:
    """One request a day, at most, and an Envoy that is down is no hindrance until then."""
    customer_with_past_visit.prune()
    customer_with_past_visit.visit("second", in_days=-31)
    customer_with_past_visit.stand("second", status="expired", updated_at="2020-06-01T10:00:00.000Z")
    customer_with_past_visit.sandbox.set_faults(
        replace(customer_with_past_visit.sandbox.faults, outage="drop")
    )
    customer_with_past_visit.turn(seconds=240)

    assert customer_with_past_visit.prune().counts["cleared"] == 1


def test_any_run_stores_what_it_saw(customer: CustomerOverTime) -> None:
    """So that Envoy need not be asked at night: it was seen by day."""
    settings = JobSettings(run="jobs.push_invites:run", every=5)
    push = resolve_all({"push_invites": settings})["push_invites"]
    query = "SELECT envoy_time, envoy_time_seen_at FROM host"
    before = customer.worker.rows(query)

    execute(customer.worker.context, push, trigger="manual")

    (after,) = customer.worker.rows(query)
    assert before == []
    assert None not in after.values()


def test_check_compares_the_clocks_with_envoys(customer: CustomerOverTime) -> None:
    """This host's, and that of a database server; the clock of an SQLite file is this host's."""
    is_sqlite = customer.worker.context.database.is_sqlite
    customer.boot += 100
    lines = [finding.line for finding in envoy.findings(customer.worker.context)]
    customer.turn(days=10)
    turned = [finding.line for finding in envoy.findings(customer.worker.context)]

    told = [line for line in lines if " clock: " in line]
    assert told[0].startswith("warn clock: this host's is 24 hours behind Envoy's -- ")
    assert told[1:] == ([] if is_sqlite else ["ok   clock: the database's and Envoy's agree"])
    assert any("the database's is 10 days ahead of" in line for line in turned) is not is_sqlite


def test_where_nothing_is_due_nobody_is_asked(customer: CustomerOverTime) -> None:
    """And nobody is bothered: an installation without visits may have no way to Envoy."""
    customer.pass_days(2)
    customer.sandbox.set_faults(replace(customer.sandbox.faults, outage="drop"))

    report = customer.prune()

    assert (report.hint, report.troubles) == ("", set())


def test_a_run_that_clears_by_one_time_is_not_misled_by_a_jump(
    customer_with_past_visit: CustomerOverTime,
) -> None:
    """The clock jumps while it works: what is cleared goes by the time that was confirmed."""
    customer_with_past_visit.visit("ahead", in_days=20)
    customer_with_past_visit.stand("ahead", status="rejected", updated_at="2020-06-01T10:00:00.000Z")

    with armed("before_clear", action=lambda: customer_with_past_visit.turn(days=YEARS)):
        report = customer_with_past_visit.prune()

    assert report.counts["cleared"] == 1
    assert customer_with_past_visit.invite("ahead")["invitee_name"] != "(cleared)"


def test_it_warns_and_after_three_days_it_is_an_error(customer_with_past_visit: CustomerOverTime) -> None:
    """The scheduled runs say so each night, with what to do, until somebody repairs it."""
    customer_with_past_visit.sandbox.set_faults(
        replace(customer_with_past_visit.sandbox.faults, outage="drop")
    )
    levels, codes = [], set()
    for _ in range(4):
        customer_with_past_visit.pass_days(1)
        (said,) = in_a_service(customer_with_past_visit)
        levels.append((said["event"], said["log_level"]))
        codes.add(said["error_code"])
        assert "envoy-worker check" in str(said["hint"])

    with pytest.raises(ClockDoubted, match="nothing was cleared or deleted"):
        customer_with_past_visit.prune()
    customer_with_past_visit.sandbox.set_faults(replace(customer_with_past_visit.sandbox.faults, outage=""))
    customer_with_past_visit.agree()
    (after,) = in_a_service(customer_with_past_visit)

    assert levels == [("job.finished", "warning")] * 3 + [("job.failed", "error")]
    assert codes == {"clock_unconfirmed"}
    assert (after["event"], after["log_level"], after["cleared"]) == ("job.finished", "info", 1)
    assert customer_with_past_visit.worker.rows(
        "SELECT unwitnessed_since FROM job WHERE name = 'prune_history'"
    ) == [{"unwitnessed_since": None}]


def test_a_dry_run_says_what_is_known_to_hinder_it_and_writes_nothing(
    customer_with_past_visit: CustomerOverTime,
) -> None:
    """From the database alone: nobody is asked."""
    customer_with_past_visit.let_envoy_say("-86400")
    customer_with_past_visit.prune()
    tables = (*TABLES[:3], "job", "host")
    before = [customer_with_past_visit.worker.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608
    customer_with_past_visit.sandbox.set_faults(
        replace(customer_with_past_visit.sandbox.faults, outage="drop")
    )

    told = prune_history.preview(customer_with_past_visit.run_context())

    assert [customer_with_past_visit.worker.rows(f"SELECT * FROM {table}") for table in tables] == before  # noqa: S608
    assert told.counts["cleared"] == 1
    assert "42 days ahead of Envoy's" in told.hint
