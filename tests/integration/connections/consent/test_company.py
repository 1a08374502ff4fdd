"""A consent: whose grant it is is proven before anything is stored, or known not to be provable."""

import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.connections.consent.companies import ODD, places
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.model import Connection
from worker.connections.states import ConnectionStatus
from worker.envoy.resources import Location
from worker.errors import Forbidden, OutcomeUnknown, UsageError, WorkerError


def connect(
    worker: WorkerWithTokenEndpoint, name: str = "acme", company: str = "10000", *, named: Any = None
) -> int:
    """Let *company* consent, whose token answer names *named*."""
    worker.endpoint.extra = {"company_id": named}
    return worker.connect(name, company)


def knows_location(worker: WorkerWithTokenEndpoint, number: int, envoy_id: str) -> None:
    """Store a location in the directory of a connection."""
    worker_rows.add_location(worker_rows.At(worker.database), number, envoy_id, "HQ")


def test_a_reconnect_that_names_no_company_is_refused_and_the_old_grant_stays(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Neither the answer nor a location names one: it may be anybody's."""
    number = worker.connect()
    worker.locations = places(None)

    with pytest.raises(UsageError, match="acme belongs to company 10000 in Envoy"):
        connect(worker)

    assert (worker.row().company_id, worker.row().token_version) == ("10000", 1)
    assert worker.tokens().access(number, rejected_version=1).version == 2


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_is_no_id_names_no_company(sqlite_worker: WorkerWithTokenEndpoint, odd: object) -> None:
    """It proves nothing, and costs nothing: the locations that the new token opens do."""
    sqlite_worker.connect()
    with pytest.raises(UsageError, match="names no company"):
        connect(sqlite_worker, named=odd)
    sqlite_worker.locations = places("10000", "10000", None)

    connect(sqlite_worker, named=odd)

    assert (sqlite_worker.row().company_id, sqlite_worker.row().token_version) == ("10000", 2)


def test_the_locations_of_another_company_are_a_refusal(worker: WorkerWithTokenEndpoint) -> None:
    """The wrong administrator signed in, and the token answer does not say so."""
    worker.connect()
    worker.locations = places("20000")

    with pytest.raises(UsageError, match="company 10000 in Envoy, and this grant to 20000"):
        connect(worker)

    assert worker.row().token_version == 1


def test_two_sources_that_contradict_each_other_are_a_refusal(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Of a first consent, too: nothing is stored."""
    sqlite_worker.locations = places("20000", "30000")

    with pytest.raises(UsageError, match=r"of company 10000, and its locations those of 20000, 30000"):
        connect(sqlite_worker, named="10000")

    assert store.names(sqlite_worker.database) == []


def test_locations_of_several_companies_prove_the_one_that_is_named(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """And none by themselves."""
    sqlite_worker.locations = places("10000", "20000")
    connect(sqlite_worker, named="10000")

    with pytest.raises(UsageError, match="names no company"):
        connect(sqlite_worker)

    assert sqlite_worker.row().token_version == 1


@pytest.mark.parametrize("error", [Forbidden(), OutcomeUnknown(error_code="http_503")], ids=repr)
def test_locations_that_cannot_be_read_prove_nothing(
    sqlite_worker: WorkerWithTokenEndpoint, error: Forbidden
) -> None:
    """What the answer names counts alone; where it names none, the hint says why nothing else did."""
    sqlite_worker.locations = error
    connect(sqlite_worker, named="10000")

    with pytest.raises(UsageError) as caught:
        connect(sqlite_worker)

    assert error.error_code in caught.value.hint
    assert sqlite_worker.row().token_version == 1


def test_a_first_consent_that_cannot_be_proven_is_accepted_with_a_warning(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Once more, too, as long as nothing is known to compare it with; what is proven later is kept."""
    worker.locations = places(None)
    with capture_logs() as events:
        connect(worker)
        connect(worker)

    assert worker.row().company_id is None
    assert [(event["log_level"], event["error_code"]) for event in events] == [
        ("warning", "company_unproven")
    ] * 2
    assert "envoy-worker directory --connection acme" in events[0]["hint"]

    connect(worker, named="10000")
    with pytest.raises(UsageError, match="belongs to company 10000"):
        connect(worker)

    assert (worker.row().company_id, worker.row().token_version) == ("10000", 3)


@pytest.mark.parametrize("shown", [places("10000"), places("10000", "20000")], ids=["one", "several"])
def test_a_second_name_is_refused_by_the_company_of_a_location(
    worker: WorkerWithTokenEndpoint, shown: list[Location]
) -> None:
    """Also where the locations are those of several, one of which is connected."""
    worker.connect("acme")
    worker.locations = shown

    with pytest.raises(UsageError, match="connected as acme already"):
        connect(worker, "acme-two")

    assert store.names(worker.database) == ["acme"]


def test_a_second_name_is_refused_by_a_location_that_the_first_one_has(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Where no company is named anywhere, the ids of the locations still tell; those of others do not."""
    knows_location(worker, worker.connect("acme"), "100001")
    worker.locations = [Location("100001", "HQ", True, None)]
    with pytest.raises(UsageError, match="this company in Envoy is connected as acme already"):
        connect(worker, "acme-two")

    worker.locations = [Location("200001", "HQ", True, None)]
    connect(worker, "globex")
    store.remove(worker.database, "acme")
    worker.locations = [Location("100001", "HQ", True, None)]
    connect(worker, "acme-two")

    assert store.names(worker.database) == ["acme", "acme-two", "globex"]


def test_a_proven_company_is_refused_where_an_unproven_name_has_its_locations(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """That one is the same customer's; a name of a known company is told by the company alone."""
    knows_location(worker, connect(worker, "acme"), "100001")
    worker.locations = [Location("100001", "HQ", True, None, "10000")]
    with pytest.raises(UsageError, match="company 10000 in Envoy is connected as acme already"):
        worker.connect("acme-two")

    worker.change(company_id="20000")
    worker.connect("acme-two")

    assert store.names(worker.database) == ["acme", "acme-two"]


def test_a_removed_connection_is_a_known_company_too(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Its invites are still there, and must not go on with another's grant."""
    sqlite_worker.connect()
    store.remove(sqlite_worker.database, "acme")

    with pytest.raises(UsageError, match="belongs to company 10000"):
        connect(sqlite_worker)

    assert sqlite_worker.row().status == ConnectionStatus.REMOVED


def test_of_two_consents_at_once_one_is_refused(worker: WorkerWithTokenEndpoint) -> None:
    """Each is told by its locations only, and each looks while the other does."""
    both = threading.Barrier(2)
    worker.endpoint.extra = {"company_id": None}

    worker.locations = places("10000")
    worker.during_look = lambda: both.wait(10)
    outcomes: list[str] = []

    def consent(name: str) -> None:
        try:
            worker.connect(name)
        except WorkerError as error:
            outcomes.append(type(error).__name__)
        else:
            outcomes.append("connected")

    threads = [threading.Thread(target=consent, args=(name,)) for name in ("acme", "acme-two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["UsageError", "connected"]
    assert len(store.names(worker.database)) == 1


def test_the_look_comes_before_anything_is_stored_and_within_no_transaction(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Others may write in between, and see the grant that there was."""
    worker.connect()
    seen: list[Connection] = []

    def write() -> None:
        seen.append(worker.row())
        worker.change(pace_per_second=1.5)

    worker.during_look = write
    worker.connect()

    assert [row.token_version for row in seen] == [1]
    assert (worker.row().token_version, worker.row().pace_per_second) == (2, 1.5)
