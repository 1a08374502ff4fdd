"""A refresh: its pair is always kept, and whose it is decides whether it may be used."""

from collections.abc import MutableMapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.consent.companies import ODD, places
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.usable import resuming
from worker.connections.usable.holds import Holds
from worker.errors import NeedsAuthorisation, UsageError

OTHER = HoldReason.OTHER_COMPANY


def refresh_as(worker: WorkerWithTokenEndpoint, number: int, company: object, *, version: int = 1) -> None:
    """Refresh a grant, with an answer that names another company; it is no use for anything."""
    worker.endpoint.extra = {"company_id": company}
    with pytest.raises(NeedsAuthorisation, match="another company"):
        worker.tokens().access(number, rejected_version=version)
    worker.endpoint.extra = {}


def errors(events: Sequence[MutableMapping[str, Any]]) -> list[tuple[str, str]]:
    """Return name and code of each error."""
    return [(event["event"], event["error_code"]) for event in events if event["log_level"] == "error"]


def test_another_companys_pair_is_stored_and_held(worker: WorkerWithTokenEndpoint) -> None:
    """It is the only copy, so it is kept; nothing is done with it, and an ERROR says what to type."""
    number = worker.connect()

    with capture_logs() as events:
        refresh_as(worker, number, "20000")

    row = worker.row()
    assert worker.stored_refresh_token() == "refresh-10000-000002"
    assert (row.status, row.company_id, row.token_version) == (ConnectionStatus.ACTIVE, "10000", 2)
    assert (row.hold_reason, row.held_until) == (OTHER, None)
    assert errors(events) == [("connection.held", "other_company")]
    held = next(event for event in events if event["event"] == "connection.held")
    assert (held["detail"], "`envoy-worker connect acme`" in held["hint"]) == ("20000", True)
    with pytest.raises(NeedsAuthorisation, match="another company") as caught:
        worker.tokens().access(number)
    assert "envoy-worker connect acme" in caught.value.hint


def test_a_pair_that_was_overtaken_is_held_too(worker: WorkerWithTokenEndpoint) -> None:
    """It is stored although the lease was lost in between, and the hold goes with it."""
    number = worker.connect()
    worker.once(lambda: worker.change(lease_owner="another/1/1#x"))

    refresh_as(worker, number, "20000")

    assert (worker.row().token_version, worker.row().hold_reason) == (2, OTHER)


@pytest.mark.parametrize("odd", [*ODD, "10000", 10000], ids=repr)
def test_a_refresh_that_names_no_other_company_changes_nothing(
    sqlite_worker: WorkerWithTokenEndpoint, odd: object
) -> None:
    """A missing or an odd company, or the known one as a number."""
    number = sqlite_worker.connect()
    sqlite_worker.endpoint.extra = {"company_id": odd}

    assert sqlite_worker.tokens().access(number, rejected_version=1).version == 2
    assert (sqlite_worker.row().company_id, sqlite_worker.row().hold_reason) == ("10000", None)


def test_a_company_that_was_not_proven_is_proven_by_a_refresh(worker: WorkerWithTokenEndpoint) -> None:
    """From then on another one is another one."""
    worker.endpoint.extra = {"company_id": None}
    number = worker.connect()
    worker.endpoint.extra = {}

    assert worker.tokens().access(number, rejected_version=1).version == 2
    assert worker.row().company_id == "10000"
    refresh_as(worker, number, "20000", version=2)


def test_a_company_that_turns_out_to_be_connected_already_is_held(worker: WorkerWithTokenEndpoint) -> None:
    """Two names of one company would send its visits twice; the second one is not known to be its."""
    worker.endpoint.extra = {"company_id": None}
    number = worker.connect("acme-two")
    worker.endpoint.extra = {}
    worker.connect("acme")

    refresh_as(worker, number, "10000")

    assert (worker.row("acme-two").company_id, worker.row("acme-two").hold_reason) == (None, OTHER)
    worker.endpoint.extra = {"company_id": None}
    with pytest.raises(UsageError, match="another company than its last grant"):
        worker.connect("acme-two", "20000")
    worker.endpoint.extra = {}
    worker.connect("acme-two", "20000")
    assert (worker.row("acme-two").company_id, worker.row("acme-two").hold_reason) == ("20000", None)


def test_only_a_consent_of_the_right_company_ends_it(worker: WorkerWithTokenEndpoint) -> None:
    """Not resuming it, nor resuming all, nor a consent that proves nothing or too much."""
    number = worker.connect()
    refresh_as(worker, number, "20000")

    with pytest.raises(NeedsAuthorisation, match="another company") as caught:
        store.resume(worker.database, "acme")
    assert "envoy-worker connect acme" in caught.value.hint
    assert resuming.resume_all(worker.database) == []
    for named in ("20000", None):
        worker.endpoint.extra = {"company_id": named}
        with pytest.raises(UsageError):
            worker.connect()
    assert worker.row().hold_reason == OTHER

    worker.endpoint.extra = {"company_id": None}
    worker.locations = places("10000")
    worker.connect()
    assert worker.row().hold_reason is None
    assert worker.tokens().access(number).version == 3


@pytest.mark.parametrize("until", [None, timedelta(hours=1)])
def test_a_pause_is_kept_beneath_it(worker: WorkerWithTokenEndpoint, until: timedelta | None) -> None:
    """Whichever came first: the consent ends the one, and the operator's resume the other."""
    end = None if until is None else worker.clock() + until
    for pause_comes_first in (True, False):
        number = worker.connect()
        version = worker.row().token_version
        if pause_comes_first:
            store.pause(worker.database, "acme", end)
        refresh_as(worker, number, "20000", version=version)
        if not pause_comes_first:
            store.pause(worker.database, "acme", end)
        assert (worker.row().hold_reason, worker.row().held_until) == (OTHER, None)

        worker.connect()

        assert (worker.row().hold_reason, worker.row().held_until) == (HoldReason.PAUSED, end)
        assert store.resume(worker.database, "acme")
        assert (worker.row().hold_reason, worker.row().also_paused) == (None, False)


def test_resuming_ends_the_pause_beneath_it(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """What was said stays said: after the consent the connection is used."""
    number = sqlite_worker.connect()
    store.pause(sqlite_worker.database, "acme")
    refresh_as(sqlite_worker, number, "20000")

    with pytest.raises(NeedsAuthorisation):
        store.resume(sqlite_worker.database, "acme")
    sqlite_worker.connect()

    assert sqlite_worker.row().hold_reason is None


def test_a_grant_of_another_company_is_not_kept_alive(worker: WorkerWithTokenEndpoint) -> None:
    """Its refresh token goes nowhere any more: only a consent is of use."""
    number = worker.connect()
    refresh_as(worker, number, "20000")
    worker.clock.advance(40 * 86_400)

    report = worker.tokens().keep_fresh(max_idle=60)

    assert (dict(report.counts), len(worker.endpoint.posted)) == ({}, 1)
    assert worker.row().hold_reason == OTHER


def test_a_success_on_its_way_does_not_end_it(worker: WorkerWithTokenEndpoint) -> None:
    """Nor does any other trouble replace it."""
    number = worker.connect()
    refresh_as(worker, number, "20000")
    holds = Holds(worker.database, hold_seconds=(5, 900), rate_per_second=2)

    holds.succeeded(number)
    holds.outage(number)
    holds.throttled(number, 60)

    assert (worker.row().hold_reason, worker.row().held_until) == (OTHER, None)
