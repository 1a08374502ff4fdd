"""The lease: one refresher per connection among all processes, and what late ones may still do."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.integration.connections.endpoint import Reply, refusal
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.states import ConnectionStatus
from worker.errors import NeedsAuthorisation, OutcomeUnknown, TryLater

THEIRS = "another-host/77/1#lease"


def hold_by_another(worker: WorkerWithTokenEndpoint) -> None:
    """Let a process of another host have the lease from now on."""
    worker.change(lease_owner=THEIRS, lease_until=worker.clock() + timedelta(seconds=90))


def test_while_another_process_refreshes_the_old_token_serves(worker: WorkerWithTokenEndpoint) -> None:
    """A valid token does not wait for its successor."""
    number = worker.connect()
    worker.clock.advance(3200)
    hold_by_another(worker)

    assert worker.tokens().access(number).version == 1
    assert worker.endpoint.posted == []


def test_a_dead_token_waits_until_the_other_process_is_done(worker: WorkerWithTokenEndpoint) -> None:
    """Nobody posts while the lease is held; the waiting caller gets what the holder stores."""
    number = worker.connect()
    worker.clock.advance(4000)
    refreshing = threading.Event()
    finish = threading.Event()
    worker.once(refreshing.set, lambda: finish.wait(10))

    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(worker.tokens("host/1/1").access, number)
        assert refreshing.wait(10)
        waiting = pool.submit(worker.tokens("host/2/2").access, number)
        finish.set()

        assert waiting.result(20) == holder.result(20)

    assert len(worker.endpoint.posted) == 1


def test_a_lease_whose_holder_died_elsewhere_ends_by_time(worker: WorkerWithTokenEndpoint) -> None:
    """Before the lease is over nobody takes it, afterwards the next caller does."""
    number = worker.connect()
    worker.clock.advance(3200)
    hold_by_another(worker)
    tokens = worker.tokens()

    worker.clock.advance(89)
    assert tokens.access(number).version == 1
    worker.clock.advance(2)

    assert tokens.access(number).version == 2


def test_a_lease_whose_holder_died_on_this_host_is_void_at_once(worker: WorkerWithTokenEndpoint) -> None:
    """A process that is surely gone holds nothing."""
    number = worker.connect()
    command = "from worker.database.owner import this_process; print(this_process())"
    gone = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    worker.change(
        lease_owner=f"{gone.stdout.strip()}#lease", lease_until=worker.clock() + timedelta(seconds=90)
    )

    assert worker.tokens().access(number, rejected_version=1).version == 2


def test_the_intent_is_committed_before_the_token_is_sent(worker: WorkerWithTokenEndpoint) -> None:
    """While the request is in flight the row shows lease, start and a fingerprint, and can be written."""
    number = worker.connect()
    seen: list[tuple[bool, bool, int]] = []

    def look() -> None:
        row = worker.row()
        worker.change(default_location="Berlin")
        seen.append((row.lease_owner is not None, row.refresh_started_at is not None,
                     len(row.refresh_fingerprint or "")))  # fmt: skip

    worker.once(look)
    worker.tokens("host/1/1").access(number, rejected_version=1)

    assert seen == [(True, True, 8)]
    after = worker.row()
    assert (after.lease_owner, after.lease_until, after.refresh_fingerprint) == (None, None, None)
    assert after.default_location == "Berlin"


@pytest.mark.parametrize("reply", [None, Reply(500)], ids=["success", "failure"])
def test_a_late_holder_leaves_its_successors_lease_alone(
    worker: WorkerWithTokenEndpoint, reply: Reply | None
) -> None:
    """A process that was overtaken does not end the lease of the next one."""
    number = worker.connect()
    worker.once(lambda: hold_by_another(worker))
    if reply:
        worker.endpoint.replies.append(reply)

    try:
        worker.tokens().access(number, rejected_version=1)
    except OutcomeUnknown:
        assert reply is not None

    assert worker.row().lease_owner == THEIRS


def test_a_pair_that_comes_late_is_stored_while_the_spent_token_stands(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """The overtaken holder's pair is the living one, for it spent the stored token."""
    number = worker.connect()
    worker.once(lambda: hold_by_another(worker))

    token = worker.tokens().access(number, rejected_version=1)

    assert token.version == 2
    assert worker.endpoint.is_alive(worker.stored_refresh_token())


def test_a_pair_that_comes_late_revives_a_grant_called_dead_in_between(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Another process was refused with the token that we spent: our pair proves it wrong."""
    number = worker.connect()
    worker.once(
        lambda: worker.change(
            status=ConnectionStatus.NEEDS_AUTHORISATION,
            status_reason="revoked_or_expired",
            lease_owner=None,
            lease_until=None,
        )
    )

    token = worker.tokens().access(number, rejected_version=1)

    assert token.version == 2
    assert (worker.row().status, worker.row().status_reason) == (ConnectionStatus.ACTIVE, None)
    assert worker.endpoint.is_alive(worker.stored_refresh_token())


def test_a_new_consent_during_a_refresh_survives_it(worker: WorkerWithTokenEndpoint) -> None:
    """The customer connects again while the old grant is being refreshed: the new grant stays."""
    number = worker.connect()
    worker.once(worker.connect)

    token = worker.tokens().access(number, rejected_version=1)

    assert token.version == 2
    assert worker.stored_refresh_token() == "refresh-10000-000002"
    assert worker.endpoint.is_alive("refresh-10000-000002")


def test_a_refusal_after_another_process_stored_a_pair_ends_nothing(worker: WorkerWithTokenEndpoint) -> None:
    """invalid_grant for a token that is no longer the stored one: the stored one is used."""
    number = worker.connect()
    worker.once(worker.connect)
    worker.endpoint.replies.append(refusal("invalid_grant"))

    token = worker.tokens().access(number, rejected_version=1)

    assert token.version == 2
    assert worker.row().status == ConnectionStatus.ACTIVE


def test_a_refusal_after_the_lease_was_lost_ends_nothing(worker: WorkerWithTokenEndpoint) -> None:
    """The one that has the lease now finds out for itself; the late one only comes back later."""
    number = worker.connect()
    worker.once(lambda: hold_by_another(worker))
    worker.endpoint.replies.append(refusal("invalid_grant"))

    with pytest.raises(TryLater):
        worker.tokens().access(number, rejected_version=1)

    assert worker.row().status == ConnectionStatus.ACTIVE


def test_a_row_that_is_deleted_during_the_request_does_not_come_back(worker: WorkerWithTokenEndpoint) -> None:
    """The pair of a connection that is gone is dropped without a noise."""
    number = worker.connect()
    worker.once(worker.delete)

    with pytest.raises(NeedsAuthorisation):
        worker.tokens().access(number, rejected_version=1)

    assert store.find(worker.database, "acme") is None


def test_a_connection_that_is_removed_during_the_request_stays_removed(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """A refresh in flight does not put tokens back that the operator has wiped."""
    number = worker.connect()
    worker.once(lambda: store.remove(worker.database, "acme"))

    with pytest.raises(NeedsAuthorisation):
        worker.tokens().access(number, rejected_version=1)

    row = worker.row()
    assert row.status == ConnectionStatus.REMOVED
    assert (row.access_token_enc, row.refresh_token_enc) == (None, None)


def test_a_refresh_that_rests_elsewhere_is_not_waited_for(worker: WorkerWithTokenEndpoint) -> None:
    """The holder's failure lets the waiting caller go at once, without a post of its own."""
    number = worker.connect()
    worker.clock.advance(4000)
    refreshing, finish = threading.Event(), threading.Event()
    worker.once(refreshing.set, lambda: finish.wait(10))
    worker.endpoint.replies.append(Reply(500))

    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(worker.tokens("host/1/1").access, number)
        assert refreshing.wait(10)
        waiting = pool.submit(worker.tokens("host/2/2").access, number)
        finish.set()
        with pytest.raises(OutcomeUnknown):
            holder.result(20)
        with pytest.raises(TryLater):
            waiting.result(20)

    assert len(worker.endpoint.posted) == 1
