"""The vault: what it seals, and what it refuses to open."""

import base64
import json

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from worker.connections.vault import Vault, new_key
from worker.errors import SettingsError, TokenDamaged

KEYS = [new_key() for _ in range(3)]
TOKENS = st.text(min_size=1, max_size=300)


@given(token=TOKENS, connection_id=st.integers(1, 2**62), field=st.sampled_from(["access", "refresh"]))
def test_what_is_sealed_can_be_opened_in_its_own_place(token: str, connection_id: int, field: str) -> None:
    """Any token comes back unchanged, and does not show in the sealed value."""
    vault = Vault(KEYS[0])
    sealed = vault.seal(token, connection_id=connection_id, field=field)

    assert vault.open(sealed, connection_id=connection_id, field=field) == token
    assert len(token) < 8 or token not in sealed


@pytest.mark.parametrize(("connection_id", "field"), [(2, "refresh"), (1, "access")])
def test_a_value_opens_in_no_other_place(connection_id: int, field: str) -> None:
    """Neither in another row nor in another column."""
    vault = Vault(KEYS[0])
    sealed = vault.seal("token-canary", connection_id=1, field="refresh")

    with pytest.raises(TokenDamaged) as caught:
        vault.open(sealed, connection_id=connection_id, field=field)

    assert "canary" not in f"{caught.value}{caught.value.hint}"


def test_equal_tokens_are_sealed_differently() -> None:
    """Nobody can see from the table that two rows hold the same."""
    vault = Vault(KEYS[0])

    sealed = {vault.seal("t", connection_id=1, field="access") for _ in range(10)}

    assert len(sealed) == 10


def test_any_key_of_the_ring_opens_and_the_first_one_seals() -> None:
    """A new key in front, the old one behind it: old values open, new ones are under the new key."""
    old, ring, new = Vault(KEYS[1]), Vault(f" {KEYS[0]} ,{KEYS[1]},"), Vault(KEYS[0])
    sealed = old.seal("t", connection_id=1, field="access")
    again = ring.seal("t", connection_id=1, field="access")

    assert ring.open(sealed, connection_id=1, field="access") == "t"
    assert new.open(again, connection_id=1, field="access") == "t"
    assert (ring.needs_rotation(sealed), ring.needs_rotation(again)) == (True, False)


def test_without_its_key_a_value_is_an_error_and_never_no_token() -> None:
    """The operator reads which variable to repair."""
    sealed = Vault(KEYS[0]).seal("t", connection_id=1, field="access")

    with pytest.raises(TokenDamaged) as caught:
        Vault(KEYS[1]).open(sealed, connection_id=1, field="access")

    assert "WORKER_ENCRYPTION_KEYS" in caught.value.hint
    assert [Vault(KEYS[0]).knows(sealed), Vault(KEYS[1]).knows(sealed)] == [True, False]
    assert [Vault(KEYS[0]).knows(value) for value in ("x", "", None, b"deadbeef:x")] == [None] * 4


@given(garbage=st.text(max_size=200))
def test_garbage_in_the_column_is_an_error_of_ours(garbage: str) -> None:
    """Whatever stands in the table, only TokenDamaged comes out."""
    vault = Vault(KEYS[0])
    for value in (garbage, f"{vault.seal('t', connection_id=1, field='access')[:9]}{garbage}"):
        with pytest.raises(TokenDamaged):
            vault.open(value, connection_id=1, field="access")


@pytest.mark.parametrize("value", [None, b"\x00\xff", b"abc:def", 17, ""])
def test_what_is_no_text_is_an_error_of_ours(value: object) -> None:
    """SQLite keeps what it is given: a BLOB, for one."""
    with pytest.raises(TokenDamaged):
        Vault(KEYS[0]).open(value, connection_id=1, field="access")


@pytest.mark.parametrize(
    "envelope",
    [{"c": 1, "f": "access"}, {"c": 1, "f": "access", "t": None}, {"c": 1, "f": "access", "t": ""},
     {"c": 1, "f": "access", "t": ["t"]}, ["c", "f"], None, "t", 1],
    ids=str,
)  # fmt: skip
def test_a_sealed_value_without_a_token_in_it_is_damaged(envelope: object) -> None:
    """It opens, and holds nothing that could be sent: not the text "None" either."""
    id_of_key = Vault(KEYS[0]).seal("t", connection_id=1, field="access").partition(":")[0]
    sealed = f"{id_of_key}:{Fernet(KEYS[0]).encrypt(json.dumps(envelope).encode()).decode()}"

    with pytest.raises(TokenDamaged):
        Vault(KEYS[0]).open(sealed, connection_id=1, field="access")


@pytest.mark.parametrize(
    "keys",
    ["", " , ", "short", KEYS[0][:-2], "ä" * 44, f"{KEYS[0]},nonsense", base64.b64encode(b"x" * 16).decode()],
    ids=["none", "blank", "short", "cut off", "not ascii", "second", "too few bytes"],
)
def test_a_malformed_key_is_named_by_its_place_and_not_shown(keys: str) -> None:
    """A key with a missing character must not be printed to find the mistake."""
    with pytest.raises(SettingsError, match="WORKER_ENCRYPTION_KEYS") as caught:
        Vault(keys)

    shown = f"{caught.value}{caught.value.hint}"
    assert all(part not in shown for part in keys.split(",") if part.strip() and len(part) > 4)


def test_a_vault_shows_no_key() -> None:
    """Its repr names keys by short hashes."""
    assert KEYS[0] not in repr(Vault(KEYS[0]))
    assert KEYS[0][:10] not in repr(vars(Vault(KEYS[0])))


def test_fingerprints_tell_tokens_apart_and_survive_a_new_key() -> None:
    """Eight characters, the same for the same token, known under every key of the ring."""
    old, ring = Vault(KEYS[1]), Vault(f"{KEYS[0]},{KEYS[1]}")
    fingerprint = old.fingerprint("token-a")

    assert len(fingerprint) == 8
    assert old.fingerprint("token-b") != fingerprint
    assert ring.matches("token-a", fingerprint)
    assert not ring.matches("token-b", fingerprint)
    assert not ring.matches("token-a", None)
    assert not Vault(KEYS[2]).matches("token-a", fingerprint)
