"""Tokens that turn out to be damaged while a process runs, and what only looks like it."""

import pytest

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.states import HoldReason
from worker.connections.vault import Vault, new_key
from worker.errors import KeysLost, TokenDamaged, TryLater

DAY = 86_400.0


@pytest.fixture
def two(worker: WorkerWithTokenEndpoint) -> WorkerWithTokenEndpoint:
    """Give a worker with two customers."""
    worker.connect("acme", "1")
    worker.connect("globex", "2")
    return worker


def number(worker: WorkerWithTokenEndpoint, name: str = "acme") -> int:
    """Return a connection's id."""
    return worker.row(name).id or 0


def test_keeping_grants_fresh_passes_over_a_damaged_one(two: WorkerWithTokenEndpoint) -> None:
    """It counts as failed, needs a person, and the other one is refreshed."""
    two.change(refresh_token_enc="x")
    two.clock.advance(40 * DAY)

    report = two.tokens().keep_fresh(max_idle=7 * DAY)

    assert dict(report.counts) == {"failed": 1, "refreshed": 1}
    assert 77 in report.troubles


def test_keys_that_are_changed_under_a_process_hold_nobody(two: WorkerWithTokenEndpoint) -> None:
    """A rotation to a key that this process has not: it is the process that is wrong, and it says so."""
    stranger = Vault(new_key())
    for name in ("acme", "globex"):
        sealed = {
            f"{field}_token_enc": stranger.seal("t", connection_id=number(two, name), field=field)
            for field in ("access", "refresh")
        }
        two.change(name, **sealed)

    for name in ("acme", "globex"):
        with pytest.raises(KeysLost):
            two.tokens().access(number(two, name))

    assert [two.row(name).hold_reason for name in ("acme", "globex")] == [None, None]


def test_a_damaged_token_from_a_backup_is_not_called_over(two: WorkerWithTokenEndpoint) -> None:
    """Its refresh token was taken for spent; whether the access token still works cannot be known."""
    two.change(refresh_token_enc=None, access_token_enc="x")

    with pytest.raises(TokenDamaged):
        two.tokens().access(number(two))

    assert (two.row().status, two.row().access_token_enc) == ("active", "x")
    assert two.row().hold_reason == HoldReason.DAMAGED_TOKEN


def test_while_refreshing_rests_a_damaged_access_token_waits(two: WorkerWithTokenEndpoint) -> None:
    """It heals as soon as a refresh may be made again."""
    later = two.clock()
    two.change(access_token_enc="x", refresh_retry_at=later.replace(second=50), refresh_error="http_500")

    with pytest.raises(TryLater):
        two.tokens().access(number(two))
    two.clock.advance(60)

    assert two.tokens().access(number(two)).version == 2
