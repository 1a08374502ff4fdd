"""Tokens at rest: sealed to their place, under keys that can be changed, and nowhere in clear."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.connections.endpoint import Reply
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.damage import look_through
from worker.connections.rotation import rotate
from worker.connections.tokens.access import Tokens
from worker.connections.vault import Vault, new_key
from worker.database import Database
from worker.errors import KeysLost, WorkerError

Act = Callable[[Database, Vault], object]


def sealed(worker: WorkerWithTokenEndpoint) -> list[str | None]:
    """Return the sealed values of all rows."""
    rows = [worker.row(name) for name in ("acme", "globex")]
    return [value for row in rows for value in (row.access_token_enc, row.refresh_token_enc)]


def two_customers(worker: WorkerWithTokenEndpoint) -> None:
    """Connect two."""
    worker.connect("acme", "1")
    worker.connect("globex", "2")


def test_a_rotation_puts_all_tokens_under_the_newest_key(worker: WorkerWithTokenEndpoint) -> None:
    """Afterwards the new key alone opens everything, and the tokens are the same."""
    two_customers(worker)
    newest = new_key()
    ring = Vault(f"{newest},{worker.key}")

    assert rotate(worker.database, ring).changed == 2
    assert rotate(worker.database, ring).changed == 0

    worker.vault = Vault(newest)
    look_through(worker.database, worker.vault)
    assert worker.stored_refresh_token("globex") == "refresh-2-000002"
    assert worker.row().token_version == 1


def test_a_rotation_passes_over_a_row_that_it_cannot_read(worker: WorkerWithTokenEndpoint) -> None:
    """It is named, all others are done; with its key back it follows, and a further run changes nothing."""
    for company, name in enumerate(("acme", "globex", "initech"), start=1):
        worker.connect(name, str(company))
    other_key, newest = new_key(), new_key()
    number = worker.row("globex").id
    assert number is not None
    odd = Vault(other_key).seal("refresh-2-000002", connection_id=number, field="refresh")
    worker.change("globex", refresh_token_enc=odd)
    ring, whole = Vault(f"{newest},{worker.key}"), Vault(f"{newest},{worker.key},{other_key}")

    first, second = rotate(worker.database, ring), rotate(worker.database, ring)

    assert ([str(one) for one in first.damaged], first.changed) == (
        ["globex: no key opens its refresh token"],
        3,  # of globex the access token
    )
    assert ([str(one) for one in second.damaged], second.changed) == ([str(first.damaged[0])], 0)
    repaired, again = rotate(worker.database, whole), rotate(worker.database, whole)
    assert [(one.changed, one.damaged) for one in (repaired, again)] == [(1, []), (0, [])]
    look_through(worker.database, Vault(newest))
    assert {worker.row(name).hold_reason for name in ("acme", "globex", "initech")} == {None}


def test_a_refresh_that_goes_on_loses_nothing_by_a_rotation(worker: WorkerWithTokenEndpoint) -> None:
    """The spent token is sealed again, and then the new pair takes its place."""
    number = worker.connect()
    newest = new_key()
    ring = Vault(f"{newest},{worker.key}")
    changed: list[int] = []
    worker.once(lambda: changed.append(rotate(worker.database, ring).changed))

    Tokens(worker.database, ring, worker.oauth, owner="host/1/1", clock=worker.clock).access(
        number, rejected_version=1
    )

    assert changed == [1]
    worker.vault = Vault(newest)
    assert worker.stored_refresh_token() == "refresh-10000-000002"


def test_a_rotation_passes_over_nobody_who_is_being_refreshed(worker: WorkerWithTokenEndpoint) -> None:
    """Where a refresh was killed, or fails, nothing else would put its tokens under the newest key."""
    worker.connect()
    worker.change(lease_owner="host/1/1", lease_until=worker.clock() + timedelta(seconds=60))
    newest = new_key()

    assert rotate(worker.database, Vault(f"{newest},{worker.key}")).changed == 1

    worker.vault = Vault(newest)
    assert worker.stored_refresh_token() == "refresh-10000-000001"


@pytest.mark.parametrize("act", [look_through, rotate])
def test_a_wrong_key_stops_the_process_at_its_start(worker: WorkerWithTokenEndpoint, act: Act) -> None:
    """Exit 78 with a line that names the variable; no row is touched, and nobody is held."""
    two_customers(worker)
    before = sealed(worker)

    with pytest.raises(KeysLost, match="WORKER_ENCRYPTION_KEYS") as caught:
        act(worker.database, Vault(new_key()))

    assert caught.value.exit_code == 78
    assert "put the key that sealed them back" in caught.value.hint
    assert sealed(worker) == before
    assert worker.row().hold_reason is None


def test_an_empty_table_is_readable_with_any_key(worker: WorkerWithTokenEndpoint) -> None:
    """A new installation starts; so does one whose last connection was removed."""
    look_through(worker.database, Vault(new_key()))
    worker.connect()
    store.remove(worker.database, "acme")

    look_through(worker.database, Vault(new_key()))


def test_no_file_of_the_database_holds_a_token_a_code_or_the_secret(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """After connecting, refreshing and failing, the database file and its log are searched byte by byte."""
    number = sqlite_worker.connect()
    tokens = sqlite_worker.tokens()
    for version in (1, 2):
        tokens.access(number, rejected_version=version)
    sqlite_worker.endpoint.always = Reply(500, b"access-10000-000001 refresh-10000-000003")
    with pytest.raises(WorkerError):
        tokens.access(number, rejected_version=3)

    folder = Path(sqlite_worker.url.removeprefix("sqlite:///")).parent
    stored = b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
    assert b"acme" in stored
    for canary in (b"access-10000", b"refresh-10000", b"code-10000", b"client-secret-canary"):
        assert canary not in stored
