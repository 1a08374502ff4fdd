"""One row's tokens cannot be read: it is held, named, and repaired; nobody else feels it."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from tests.interleaving import overtaken
from worker.connections import store
from worker.connections.damage import look_through
from worker.connections.states import HoldReason
from worker.connections.usable.holds import Holds
from worker.connections.vault import Vault, new_key
from worker.errors import TokenDamaged

DAY = 86_400.0


def under_another_key(worker: WorkerWithTokenEndpoint) -> str:
    """Return what no key of ours opens."""
    return Vault(new_key()).seal("refresh-1-000001", connection_id=worker.row().id or 0, field="refresh")


def of_another_row(worker: WorkerWithTokenEndpoint) -> str:
    """Return another customer's, which opens."""
    return str(worker.row("globex").refresh_token_enc)


def of_another_column(worker: WorkerWithTokenEndpoint) -> str:
    """Return the access token, which opens."""
    return str(worker.row().access_token_enc)


def broken_off(worker: WorkerWithTokenEndpoint) -> str:
    """Return the first half of the right one."""
    return str(worker.row().refresh_token_enc)[:60]


def garbage(_worker: WorkerWithTokenEndpoint) -> str:
    """Return what nobody sealed."""
    return "x"


def nothing(_worker: WorkerWithTokenEndpoint) -> str:
    """Return no text at all."""
    return ""


DAMAGES = [under_another_key, of_another_row, of_another_column, broken_off, garbage, nothing]
Damage = Callable[[WorkerWithTokenEndpoint], str]


@pytest.fixture
def two(worker: WorkerWithTokenEndpoint) -> WorkerWithTokenEndpoint:
    """Give a worker with two customers."""
    worker.connect("acme", "1")
    worker.connect("globex", "2")
    return worker


@pytest.fixture
def small_two(sqlite_worker: WorkerWithTokenEndpoint) -> WorkerWithTokenEndpoint:
    """Give such a worker on SQLite only: what a value is worth no database has a say in."""
    sqlite_worker.connect("acme", "1")
    sqlite_worker.connect("globex", "2")
    return sqlite_worker


def number(worker: WorkerWithTokenEndpoint, name: str = "acme") -> int:
    """Return a connection's id."""
    return worker.row(name).id or 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_row_is_held_by_name_at_the_start_and_no_other(
    small_two: WorkerWithTokenEndpoint, damage: Damage
) -> None:
    """One ERROR says whose tokens, why, and what to do; a second start says nothing more."""
    small_two.change(refresh_token_enc=damage(small_two))

    with capture_logs() as events:
        look_through(small_two.database, small_two.vault)
        look_through(small_two.database, small_two.vault)

    assert [(one["event"], one["log_level"], one["connection"], one["error_code"]) for one in events] == [
        ("connection.held", "error", "acme", "damaged_token")
    ]
    assert "envoy-worker connect acme" in events[0]["hint"]
    assert small_two.row().hold_reason == HoldReason.DAMAGED_TOKEN
    assert store.effective_status(small_two.row(), small_two.clock()) == "held"
    assert small_two.row("globex").hold_reason is None
    assert small_two.tokens().access(number(small_two, "globex"), rejected_version=1).version == 2


@pytest.mark.parametrize("damage", [under_another_key, of_another_row, nothing])
def test_a_row_that_is_damaged_under_a_running_process_is_held_when_it_is_used(
    small_two: WorkerWithTokenEndpoint, damage: Damage
) -> None:
    """As soon as its refresh token is needed; the error is the customer's, and nothing was posted."""
    small_two.change(refresh_token_enc=damage(small_two))
    small_two.clock.advance(4000)

    with capture_logs() as events, pytest.raises(TokenDamaged, match="acme: ") as caught:
        small_two.tokens().access(number(small_two))

    assert caught.value.exit_code == 77
    assert [event["error_code"] for event in events] == ["damaged_token"]
    assert small_two.row().hold_reason == HoldReason.DAMAGED_TOKEN
    assert small_two.endpoint.posted == []


@pytest.mark.parametrize("damage", [under_another_key, garbage, nothing, lambda _worker: None])
def test_a_damaged_access_token_is_healed_by_a_refresh(two: WorkerWithTokenEndpoint, damage: Damage) -> None:
    """The refresh token is fine, so nobody is needed."""
    two.change(access_token_enc=damage(two))

    look_through(two.database, two.vault)

    assert two.tokens().access(number(two)).version == 2
    assert two.row().hold_reason is None


def test_a_blob_of_sqlites_is_damage_as_well(small_two: WorkerWithTokenEndpoint) -> None:
    """SQLite keeps bytes in a column of text; they end neither the start nor another connection."""
    worker_rows.store_tokens(worker_rows.At(small_two.database), "acme", refresh=b"\x00\xff", access=b":")

    look_through(small_two.database, small_two.vault)

    assert small_two.row().hold_reason == HoldReason.DAMAGED_TOKEN
    with pytest.raises(TokenDamaged):
        small_two.tokens().access(number(small_two))


def test_a_key_that_is_put_back_ends_the_hold_at_the_next_start(two: WorkerWithTokenEndpoint) -> None:
    """No customer is asked for anything, and the token is used as it is."""
    before = str(two.row().refresh_token_enc)
    lost = new_key()
    sealed = Vault(lost).seal("refresh-1-000001", connection_id=number(two), field="refresh")
    two.change(refresh_token_enc=sealed)
    look_through(two.database, two.vault)

    with capture_logs() as events:
        look_through(two.database, Vault(f"{two.key},{lost}"))

    assert [(one["event"], one["connection"]) for one in events] == [("connection.released", "acme")]
    assert two.row().hold_reason is None
    assert before != two.row().refresh_token_enc == sealed


def test_garbage_in_every_row_is_no_lost_key(two: WorkerWithTokenEndpoint) -> None:
    """It tells of no key at all, so each is held, and each can be connected again."""
    for name in ("acme", "globex"):
        two.change(name, refresh_token_enc="x", access_token_enc="y")

    look_through(two.database, two.vault)

    assert [two.row(name).hold_reason for name in ("acme", "globex")] == [HoldReason.DAMAGED_TOKEN] * 2


def test_a_consent_ends_the_hold(two: WorkerWithTokenEndpoint) -> None:
    """The new grant is used at once."""
    two.change(refresh_token_enc="x", access_token_enc="x")
    look_through(two.database, two.vault)

    two.connect("acme", "1")

    assert two.row().hold_reason is None
    assert two.tokens().access(number(two)).version == 2


def test_a_resumed_connection_is_held_again_where_nothing_was_mended(two: WorkerWithTokenEndpoint) -> None:
    """A person may say so; the next use tells that it is as it was."""
    two.change(refresh_token_enc="x")
    look_through(two.database, two.vault)
    store.resume(two.database, "acme")
    two.clock.advance(4000)

    with pytest.raises(TokenDamaged):
        two.tokens().access(number(two))

    assert two.row().hold_reason == HoldReason.DAMAGED_TOKEN


def test_another_companys_grant_stays_held(two: WorkerWithTokenEndpoint) -> None:
    """What else goes wrong does not take its place, nor end it."""
    two.change(refresh_token_enc="x", hold_reason=HoldReason.OTHER_COMPANY)

    look_through(two.database, two.vault)

    assert two.row().hold_reason == HoldReason.OTHER_COMPANY


def test_a_pause_is_kept_beneath(two: WorkerWithTokenEndpoint) -> None:
    """Once the tokens can be read, it holds as before."""
    sealed = two.row().refresh_token_enc
    store.pause(two.database, "acme")
    two.change(refresh_token_enc="x")
    look_through(two.database, two.vault)
    damaged = two.row().hold_reason

    two.change(refresh_token_enc=sealed)
    look_through(two.database, two.vault)

    assert (damaged, two.row().hold_reason) == (HoldReason.DAMAGED_TOKEN, HoldReason.PAUSED)


def test_the_damage_of_a_grant_that_is_over_is_nobodys_trouble(two: WorkerWithTokenEndpoint) -> None:
    """Its customer has to authorise again anyway."""
    two.change(refresh_token_enc="x", status="needs_authorisation")

    look_through(two.database, two.vault)

    assert two.row().hold_reason is None


def test_a_grant_that_was_replaced_in_between_is_not_held(two: WorkerWithTokenEndpoint) -> None:
    """The customer connected again between the look at the old tokens and the hold."""
    two.change(refresh_token_enc="x")

    with overtaken(two.database, lambda: two.connect("acme", "1"), at="connection"):
        look_through(two.database, two.vault)

    assert two.row().hold_reason is None
    assert two.tokens().access(number(two)).version == 2


def test_damage_takes_the_place_of_a_hold_that_would_end_by_itself(two: WorkerWithTokenEndpoint) -> None:
    """It is told now, and not when that hold is over."""
    Holds(two.database, hold_seconds=(5.0, 900.0), rate_per_second=2.0).outage(number(two))
    two.change(refresh_token_enc="x")

    with capture_logs() as events:
        look_through(two.database, two.vault)

    assert [event["error_code"] for event in events] == ["damaged_token"]
    assert (two.row().hold_reason, two.row().held_until) == (HoldReason.DAMAGED_TOKEN, None)
