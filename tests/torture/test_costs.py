"""The dearest that strangers can do, to many customers at once: memory stays within its bound."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import sqlalchemy as sa

from bench.workplace import connect
from tests import worker_rows
from tests.costs import MOST_MIB, branching, expensive, measured, wide
from tests.installation import Installation
from tests.torture.scale import FULL, scaled
from worker.context import Context
from worker.sandbox import Sandbox

CUSTOMERS = scaled(4, 10)  # in full more than there are senders
HEAVY_ROWS = scaled(6, 60)
LONG = 600.0  # seconds
SHORT = {"WORKER_PUSH__REQUEST_TIMEOUT_SECONDS": "30", "WORKER_PUSH__LEASE_SECONDS": "90"}
INSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at, custom_fields)"
    " VALUES (:connection, :key, 'x', :location, '2035-05-01T10:00:00Z', :fields)"
)
LONGEST = {f"{number:03}" + "\U0001f600" * 252: "\U0001f601" * 255 for number in range(50)}
LONGEST_PAGES = 5  # of 90 names: not quite 2 MB
SMALL_PARTS = b",".join(b'{"":%d}' % number for number in range(950))


def filled(page: int, kind: str, size: int, *, name: str, value: str) -> bytes:
    """Return a page of 100 items that have these as name, and for the rest as something unknown."""
    more = value * ((size // 100 - 200 - len(name)) // len(value.encode()))
    items = [{"id": f"{kind}-{page}-{number}", "name": name, "x": more} for number in range(100)]
    return json.dumps({"data": items}, ensure_ascii=False).encode()


def crumbs(page: int, kind: str, _size: int) -> bytes:
    """Return a page of 100 items with as many tiny parts as an answer may have."""
    item = b'{"id": "%s-%d-%%d", "x": [%s]}' % (kind.encode(), page, SMALL_PARTS)
    return b'{"data": [%s]}' % b", ".join(item % number for number in range(100))


def longest(page: int, kind: str, _size: int) -> bytes:
    """Return the pages of a list that is as long as may be, of names that grow when they are folded."""
    keys = [f"{kind}-{page}-{number}" for number in range(90)] if page <= LONGEST_PAGES else []
    items = [{"id": key, "name": key + "\U0001d160" * 950} for key in keys]
    return json.dumps({"data": items, "meta": {"total": 90 * LONGEST_PAGES}}, ensure_ascii=False).encode()


def everywhere(_page: int, kind: str, _size: int) -> bytes:
    """Return short lists, and each employee who is asked for: one of more places than anybody has."""
    if kind in {"locations", "flows"}:
        return json.dumps({"data": [{"id": "1", "name": "Berlin"}], "meta": {"total": 1}}).encode()
    places = [f"{number:060}" for number in range(28_000)]
    return json.dumps({"data": {"id": kind, "locationIds": places}}).encode()


LISTS: dict[str, Callable[[int, str, int], bytes]] = {"branching": branching}
if FULL:
    LISTS |= {
        "wide": wide,
        "crumbs": crumbs,
        "names": partial(filled, name="n" * 300, value="x"),
        "widened": partial(filled, name="n", value="\U0001f600" + "x" * 4_000),
    }


@pytest.fixture
def customers(sqlite_url: str) -> Iterator[Installation]:
    """Give an installation with several of them, each of a company of its own."""
    with Sandbox(port=0, companies=CUSTOMERS) as sandbox:
        made = Installation(sqlite_url, sandbox, **SHORT)
        with Context.from_environment(made.env) as context:
            for number in range(CUSTOMERS):
                connect(context, f"c-{number}", company_id=str(10_000 + number))
        made.database.dispose()  # a connection of before has lost its locks to the parts' end
        yield made
        made.database.dispose()


def hand_in(installation: Installation, number: int, location: str, fields: str | None = None) -> None:
    """Insert so many invites for each customer."""
    rows = [
        {"connection": f"c-{customer}", "key": f"v-{row}", "location": location, "fields": fields}
        for customer in range(CUSTOMERS)
        for row in range(number)
    ]
    with installation.database.write() as connection:
        connection.execute(sa.text(INSERT), rows)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in LISTS.items()])
def test_many_lists_without_end_at_once(
    make: Callable[[int, str, int], bytes], customers: Installation, counts: Counter[str]
) -> None:
    """Each row names a place that is not known, so that each customer's directory is read."""
    hand_in(customers, 1, "Nowhere")

    with expensive(make) as peer:
        cost = measured(customers, "run-once", "push_invites", seconds=LONG, WORKER_ENVOY__API_URL=peer.url)

    counts["mib"], counts["requests"] = round(cost.mib), peer.requests
    assert cost.mib < MOST_MIB
    assert customers.statuses() == {"pending": CUSTOMERS}


def test_the_longest_rows_of_many_customers(customers: Installation, counts: Counter[str]) -> None:
    """All that custom fields may hold, in a push, an update, a list, a rehearsal and an import."""
    hand_in(customers, HEAVY_ROWS, "Berlin", json.dumps(LONGEST))

    costs = [
        measured(customers, "run-once", "push_invites", seconds=LONG),
        measured(customers, "invites", "list", "--json"),
    ]
    customers.execute("UPDATE invite SET notes = 'new'")
    costs.append(measured(customers, "run-once", "push_invites", "--dry-run"))
    costs.append(measured(customers, "run-once", "push_invites", seconds=LONG))

    counts["mib"] = round(max(cost.mib for cost in costs))
    assert {cost.code for cost in costs} == {0}
    assert counts["mib"] < MOST_MIB
    assert len(customers.sandbox.ledger()["updates"]) == CUSTOMERS * HEAVY_ROWS


def test_many_lists_that_just_fit(customers: Installation, counts: Counter[str]) -> None:
    """They are stored, and loaded again by each who plans a row, or looks at them."""
    hand_in(customers, 1, "Nowhere")

    with expensive(longest) as peer:
        pushed = measured(customers, "run-once", "push_invites", seconds=LONG, WORKER_ENVOY__API_URL=peer.url)
    costs = [pushed, measured(customers, "directory"), measured(customers, "directory", "--json")]

    counts["mib"] = round(max(cost.mib for cost in costs))
    assert [len(each["flows"]) for each in json.loads(costs[-1].out).values()] == [450] * CUSTOMERS
    assert counts["mib"] < MOST_MIB


def test_many_hosts_who_belong_everywhere(customers: Installation, counts: Counter[str]) -> None:
    """What Envoy says of each is 2 MB."""
    worker_rows.set_connection(customers, scopes="employees.read")
    hand_in(customers, 10, "Berlin")
    customers.execute("UPDATE invite SET host_employee_id = 'h' || id")

    with expensive(everywhere) as peer:
        cost = measured(customers, "run-once", "push_invites", seconds=LONG, WORKER_ENVOY__API_URL=peer.url)

    counts["mib"], counts["requests"] = round(cost.mib), peer.requests
    assert customers.statuses() == {"rejected": CUSTOMERS * 10}
    assert cost.mib < MOST_MIB
