"""A consent: whose grant it is is proven before anything is stored, or known not to be provable."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tests.integration.connections.support import House
from worker.connections import store
from worker.connections.model import Connection
from worker.connections.states import ConnectionStatus
from worker.envoy.resources import Location
from worker.errors import Forbidden, OutcomeUnknown, UsageError, WorkerError

# As JSON may have it; ... leaves the member out.
ODD: list[Any] = [
    ..., None, "", {"id": "10000"}, ["10000"], 10000.5, True, -1,
    "10000\ud800", "10000\x00", "\x1b[2J", "10 000", "1" * 200,
]  # fmt: skip


def places(*companies: str | None) -> list[Location]:
    """Return locations of these companies."""
    return [Location(f"{company}-{n}", "", True, None, company) for n, company in enumerate(companies)]


def connect(house: House, name: str = "acme", company: str = "10000", *, named: Any = None) -> int:
    """Let *company* consent, whose token answer names *named*."""
    house.endpoint.extra = {"company_id": named}
    return house.connect(name, company)


def knows_location(house: House, number: int, envoy_id: str) -> None:
    """Store a location in the directory of a connection."""
    statement = "INSERT INTO location (connection_id, envoy_id, name, enabled) VALUES (:n, :id, 'HQ', :on)"
    with house.database.write() as connection:
        connection.execute(sa.text(statement), {"n": number, "id": envoy_id, "on": True})


def test_a_reconnect_that_names_no_company_is_refused_and_the_old_grant_stays(house: House) -> None:
    """Neither the answer nor a location names one: it may be anybody's."""
    number = house.connect()
    house.locations = places(None)

    with pytest.raises(UsageError, match="acme belongs to company 10000 in Envoy"):
        connect(house)

    assert (house.row().company_id, house.row().token_version) == ("10000", 1)
    assert house.tokens().access(number, rejected_version=1).version == 2


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_is_no_id_names_no_company(small_house: House, odd: object) -> None:
    """It proves nothing, and costs nothing: the locations that the new token opens do."""
    small_house.connect()
    with pytest.raises(UsageError, match="names no company"):
        connect(small_house, named=odd)
    small_house.locations = places("10000", "10000", None)

    connect(small_house, named=odd)

    assert (small_house.row().company_id, small_house.row().token_version) == ("10000", 2)


def test_the_locations_of_another_company_are_a_refusal(house: House) -> None:
    """The wrong administrator signed in, and the token answer does not say so."""
    house.connect()
    house.locations = places("20000")

    with pytest.raises(UsageError, match="company 10000 in Envoy, and this grant to 20000"):
        connect(house)

    assert house.row().token_version == 1


def test_two_sources_that_contradict_each_other_are_a_refusal(small_house: House) -> None:
    """Of a first consent, too: nothing is stored."""
    small_house.locations = places("20000", "30000")

    with pytest.raises(UsageError, match=r"of company 10000, and its locations those of 20000, 30000"):
        connect(small_house, named="10000")

    assert store.names(small_house.database) == []


def test_locations_of_several_companies_prove_the_one_that_is_named(small_house: House) -> None:
    """And none by themselves."""
    small_house.locations = places("10000", "20000")
    connect(small_house, named="10000")

    with pytest.raises(UsageError, match="names no company"):
        connect(small_house)

    assert small_house.row().token_version == 1


@pytest.mark.parametrize("error", [Forbidden(), OutcomeUnknown(error_code="http_503")], ids=repr)
def test_locations_that_cannot_be_read_prove_nothing(small_house: House, error: Forbidden) -> None:
    """What the answer names counts alone; where it names none, the hint says why nothing else did."""
    small_house.locations = error
    connect(small_house, named="10000")

    with pytest.raises(UsageError) as caught:
        connect(small_house)

    assert error.error_code in caught.value.hint
    assert small_house.row().token_version == 1


def test_a_first_consent_that_cannot_be_proven_is_accepted_with_a_warning(house: House) -> None:
    """Once more, too, as long as nothing is known to compare it with; what is proven later is kept."""
    house.locations = places(None)
    with capture_logs() as events:
        connect(house)
        connect(house)

    assert house.row().company_id is None
    assert [(event["log_level"], event["error_code"]) for event in events] == [
        ("warning", "company_unproven")
    ] * 2
    assert "envoy-worker directory --connection acme" in events[0]["hint"]

    connect(house, named="10000")
    with pytest.raises(UsageError, match="belongs to company 10000"):
        connect(house)

    assert (house.row().company_id, house.row().token_version) == ("10000", 3)


@pytest.mark.parametrize("shown", [places("10000"), places("10000", "20000")], ids=["one", "several"])
def test_a_second_name_is_refused_by_the_company_of_a_location(house: House, shown: list[Location]) -> None:
    """Also where the locations are those of several, one of which is connected."""
    house.connect("acme")
    house.locations = shown

    with pytest.raises(UsageError, match="connected as acme already"):
        connect(house, "acme-two")

    assert store.names(house.database) == ["acme"]


def test_a_second_name_is_refused_by_a_location_that_the_first_one_has(house: House) -> None:
    """Where no company is named anywhere, the ids of the locations still tell; those of others do not."""
    knows_location(house, house.connect("acme"), "100001")
    house.locations = [Location("100001", "HQ", True, None)]
    with pytest.raises(UsageError, match="this company in Envoy is connected as acme already"):
        connect(house, "acme-two")

    house.locations = [Location("200001", "HQ", True, None)]
    connect(house, "globex")
    store.remove(house.database, "acme")
    house.locations = [Location("100001", "HQ", True, None)]
    connect(house, "acme-two")

    assert store.names(house.database) == ["acme", "acme-two", "globex"]


def test_a_proven_company_is_refused_where_an_unproven_name_has_its_locations(house: House) -> None:
    """That one is the same customer's; a name of a known company is told by the company alone."""
    knows_location(house, connect(house, "acme"), "100001")
    house.locations = [Location("100001", "HQ", True, None, "10000")]
    with pytest.raises(UsageError, match="company 10000 in Envoy is connected as acme already"):
        house.connect("acme-two")

    house.change(company_id="20000")
    house.connect("acme-two")

    assert store.names(house.database) == ["acme", "acme-two"]


def test_a_removed_connection_is_a_known_company_too(small_house: House) -> None:
    """Its invites are still there, and must not go on with another's grant."""
    small_house.connect()
    store.remove(small_house.database, "acme")

    with pytest.raises(UsageError, match="belongs to company 10000"):
        connect(small_house)

    assert small_house.row().status == ConnectionStatus.REMOVED


def test_of_two_consents_at_once_one_is_refused(house: House) -> None:
    """Each is told by its locations only, and each looks while the other does."""
    both = threading.Barrier(2)
    house.endpoint.extra = {"company_id": None}

    house.locations = places("10000")
    house.during_look = lambda: both.wait(10)
    outcomes: list[str] = []

    def consent(name: str) -> None:
        try:
            house.connect(name)
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
    assert len(store.names(house.database)) == 1


def test_the_look_comes_before_anything_is_stored_and_within_no_transaction(house: House) -> None:
    """Others may write meanwhile, and see the grant that there was."""
    house.connect()
    seen: list[Connection] = []

    def write() -> None:
        seen.append(house.row())
        house.change(pace_per_second=1.5)

    house.during_look = write
    house.connect()

    assert [row.token_version for row in seen] == [1]
    assert (house.row().token_version, house.row().pace_per_second) == (2, 1.5)
