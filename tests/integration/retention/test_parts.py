"""A run takes a part of what is due, the oldest visits first; all of it only where somebody says so."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from jobs import prune_history
from tests import worker_rows
from tests.integration.retention.conftest import CustomerOverTime
from worker.retention import finished

FIRST = datetime(2020, 1, 1, tzinfo=UTC)


def bulk(customer: CustomerOverTime, number: int) -> None:
    """Insert visits that were over years ago, the oldest last; each is a minute younger than the next."""
    rows = [
        {
            "key": f"v-{one}",
            "arrival": (FIRST - timedelta(days=7)).isoformat(),
            # The end decides, not the arrival, which is the same for all.
            "departure": (FIRST + timedelta(minutes=number - one)).isoformat(),
        }
        for one in range(number)
    ]
    with customer.worker.context.database.write() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO invite (connection, external_id, invitee_name, location,"
                " expected_arrival_at, expected_departure_at)"
                " VALUES ('acme', :key, 'Quentin Canary', 'Berlin', :arrival, :departure)"
            ),
            rows,
        )
    worker_rows.finish_long_ago(customer.worker, "rejected")


def left(customer: CustomerOverTime) -> list[int]:
    """Return the numbers of the visits that still have their visitor."""
    rows = customer.worker.rows("SELECT external_id FROM invite WHERE invitee_name <> '(cleared)'")
    return sorted(int(row["external_id"].removeprefix("v-")) for row in rows)


def test_at_least_a_thousand_and_the_rest_the_next_night(customer: CustomerOverTime) -> None:
    """Those that were over first; and it is said that more is left, and what takes it."""
    bulk(customer, 1100)
    would = prune_history.preview(customer.run_context())

    first = customer.prune()
    between = left(customer)
    second = customer.prune()

    assert would.counts == first.counts
    assert (first.counts["cleared"], first.counts["left"], between) == (1000, 100, list(range(100)))
    assert "run-once prune_history --yes" in first.hint
    assert first.troubles == set()
    assert (second.counts["cleared"], "left" in second.counts, second.hint) == (100, False, "")


def test_a_fifth_of_all_where_that_is_more(customer: CustomerOverTime) -> None:
    """Of all rows that are there, whether they are old or not."""
    runs = {f"{n}": f"20{20 + 10 * (n % 2)}-01-01T10:00:00Z" for n in range(5100)}
    worker_rows.add_runs(customer.worker.context.database, runs)

    assert customer.prune().counts["runs_deleted"] == 1020


def test_everything_at_once_where_it_is_asked_for(customer: CustomerOverTime) -> None:
    """And the preview says the same."""
    bulk(customer, 1100)
    would = prune_history.preview(customer.run_context(everything=True)).counts

    done = customer.prune(everything=True)

    assert (done.counts["cleared"], done.hint) == (1100, "")
    assert would == done.counts


def test_an_operators_own_limit_leaves_no_rest_to_speak_of(customer: CustomerOverTime) -> None:
    """Who said how many wants no advice."""
    bulk(customer, 20)

    report = customer.prune(limit=5)

    assert (report.counts["cleared"], "left" in report.counts, report.hint) == (5, False, "")
    assert left(customer) == list(range(15))


def test_old_runs_and_the_ledger_go_in_parts_too(customer: CustomerOverTime) -> None:
    """With a clock that is wrong they are as lost as a visitor's name."""
    bulk(customer, 1100)
    worker_rows.note_decisions(customer.worker, "2020-01-01T10:00:00Z")
    runs = {f"v-{number}": "2020-01-01T10:00:00Z" for number in range(1100)}
    worker_rows.add_runs(customer.worker.context.database, runs)
    would = prune_history.preview(customer.run_context())

    report = customer.prune()

    done = {name: report.counts[name] for name in ("attempts_deleted", "runs_deleted")}
    assert done == {"attempts_deleted": 1000, "runs_deleted": 1000}
    assert would.counts == report.counts
    assert report.unfinished


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_ids_that_are_read_in_several_goes_are_all_found(
    customer: CustomerOverTime, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Though many visits end at one moment, which SQLite may hold in two spellings."""
    monkeypatch.setattr(finished, "READ_AT_ONCE", at_once)
    bulk(customer, 7)
    for spelling in ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00.000Z"):
        customer.worker.execute(
            "UPDATE invite SET expected_departure_at = NULL, expected_arrival_at = :at WHERE id % 2 = :rest",
            at=spelling,
            rest=int("." in spelling),
        )
    worker_rows.finish_long_ago(customer.worker, "rejected")

    assert customer.prune().counts["cleared"] == 7
