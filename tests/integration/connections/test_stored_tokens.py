"""Tokens at rest: sealed to their place, under keys that can be changed, and nowhere in clear."""

from pathlib import Path

import pytest

from tests.integration.connections.endpoint import Reply
from tests.integration.connections.support import House
from worker.connections.tokens import Tokens
from worker.connections.vault import Vault, new_key, require_readable, rotate
from worker.errors import SettingsError, WorkerError


def sealed(house: House) -> list[str | None]:
    """Return the sealed values of all rows."""
    rows = [house.row(name) for name in ("acme", "globex")]
    return [value for row in rows for value in (row.access_token_enc, row.refresh_token_enc)]


def two_customers(house: House) -> None:
    """Connect two."""
    house.connect("acme", "1")
    house.connect("globex", "2")


def test_a_rotation_puts_all_tokens_under_the_newest_key(house: House) -> None:
    """Afterwards the new key alone opens everything, and the tokens are the same."""
    two_customers(house)
    newest = new_key()
    ring = Vault(f"{newest},{house.key}")

    assert rotate(house.database, ring) == 2
    assert rotate(house.database, ring) == 0

    house.vault = Vault(newest)
    require_readable(house.database, house.vault)
    assert house.stored_refresh_token("globex") == "refresh-2-000002"
    assert house.row().token_version == 1


def test_an_interrupted_rotation_is_simply_run_again(house: House) -> None:
    """One row that cannot be read stops the rotation; with its key back, the rest follows."""
    two_customers(house)
    other_key, newest = new_key(), new_key()
    kept = house.row("globex").refresh_token_enc
    assert kept is not None
    number = house.row("globex").id
    assert number is not None
    odd = Vault(other_key).seal("refresh-2-000002", connection_id=number, field="refresh")
    house.change("globex", refresh_token_enc=odd)

    with pytest.raises(SettingsError):
        rotate(house.database, Vault(f"{newest},{house.key}"))
    assert rotate(house.database, Vault(f"{newest},{house.key},{other_key}")) == 1

    require_readable(house.database, Vault(newest))


def test_a_rotation_leaves_a_connection_alone_that_is_being_refreshed(house: House) -> None:
    """The new pair of a refresh in flight is not overwritten with the spent one."""
    number = house.connect()
    newest = new_key()
    ring = Vault(f"{newest},{house.key}")
    changed: list[int] = []
    house.once(lambda: changed.append(rotate(house.database, ring)))

    Tokens(house.database, ring, house.oauth, owner="host/1/1", clock=house.clock).access(
        number, rejected_version=1
    )

    assert changed == [0]
    house.vault = Vault(newest)
    assert house.stored_refresh_token() == "refresh-10000-000002"


@pytest.mark.parametrize("fitting", [False, True])
def test_a_wrong_key_stops_the_process_at_its_start(house: House, fitting: bool) -> None:
    """Exit 78 with a line that names the variable; no row is touched."""
    two_customers(house)
    before = sealed(house)
    vault = house.vault if fitting else Vault(new_key())

    if fitting:
        require_readable(house.database, vault)
    else:
        with pytest.raises(SettingsError, match="WORKER_ENCRYPTION_KEYS") as caught:
            require_readable(house.database, vault)
        assert caught.value.exit_code == 78

    assert sealed(house) == before


def test_an_empty_table_is_readable_with_any_key(house: House) -> None:
    """A new installation starts."""
    require_readable(house.database, Vault(new_key()))


def test_a_value_copied_from_another_row_is_refused(house: House) -> None:
    """Another customer's token cannot be slipped under a connection."""
    two_customers(house)
    house.change("acme", access_token_enc=house.row("globex").access_token_enc)
    number = house.row().id
    assert number is not None

    with pytest.raises(SettingsError, match="belongs to another row"):
        house.tokens().access(number)


def test_no_file_of_the_database_holds_a_token_a_code_or_the_secret(small_house: House) -> None:
    """After connecting, refreshing and failing, the database file and its log are searched byte by byte."""
    number = small_house.connect()
    tokens = small_house.tokens()
    for version in (1, 2):
        tokens.access(number, rejected_version=version)
    small_house.endpoint.always = Reply(500, b"access-10000-000001 refresh-10000-000003")
    with pytest.raises(WorkerError):
        tokens.access(number, rejected_version=3)

    folder = Path(small_house.url.removeprefix("sqlite:///")).parent
    stored = b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
    assert b"acme" in stored
    for canary in (b"access-10000", b"refresh-10000", b"code-10000", b"client-secret-canary"):
        assert canary not in stored
