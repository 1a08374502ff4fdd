"""Refreshing beside the work while others refresh, too: one at a time, and no thread waits for them."""

import threading

import pytest

from tests.integration.connections.hanging_endpoint import (
    OVER,
    begun,
    connect,
    hanging,
    theirs,
)
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.tokens.access import Tokens
from worker.errors import (
    TryLater,
)
from worker.settings.model import REFRESHERS


def test_what_other_processes_refresh_takes_no_thread(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """Twice as many connections as threads are refreshed elsewhere; yet another one is refreshed at once."""
    elsewhere = connect(worker, REFRESHERS * 2)
    another = worker.connect("another", "30000")
    worker.clock.advance(OVER)
    for index in range(len(elsewhere)):
        worker.change(f"customer-{index:02}", **theirs(worker))
    waiting = [begun(tokens.at_hand(number)) for number in elsewhere]

    assert begun(tokens.at_hand(another)).result(10).version == 2

    assert not any(future.done() for future in waiting)
    for index in range(len(elsewhere)):
        worker.change(f"customer-{index:02}", lease_owner=None, lease_until=None)
    assert {future.result(30).version for future in waiting} == {2}
    assert worker.endpoint.reused == 0


def test_a_refresh_elsewhere_is_looked_at_only_so_long(worker: WorkerWithTokenEndpoint) -> None:
    """Who asked is told to come again, and nothing was posted here."""
    number = worker.connect()
    worker.clock.advance(OVER)
    worker.change(**theirs(worker))
    tokens = worker.tokens(patience_seconds=0.1)

    with pytest.raises(TryLater, match="acme: its token is being refreshed elsewhere"):
        begun(tokens.at_hand(number)).result(10)

    tokens.close()
    assert worker.endpoint.posted == []


def test_two_processes_never_post_one_refresh_token_twice(worker: WorkerWithTokenEndpoint) -> None:
    """Both begin beside their work; the lease in the row decides, and both get the one new token."""
    numbers = connect(worker, 10)
    worker.clock.advance(OVER)
    ours, others = worker.tokens("host/1/1"), worker.tokens("host/2/2")

    asked = [begun(each.at_hand(number)) for number in numbers for each in (ours, others)]

    assert {future.result(30).version for future in asked} == {2}
    assert (worker.endpoint.reused, len(worker.endpoint.posted)) == (0, 10)
    ours.close()
    others.close()


def test_while_a_caller_that_waits_refreshes_the_future_gets_its_token(
    worker: WorkerWithTokenEndpoint, tokens: Tokens
) -> None:
    """Within one process, too, a connection is refreshed by one thread at a time."""
    number = worker.connect()
    worker.clock.advance(OVER)

    with hanging(worker) as endpoint:
        caller = threading.Thread(target=tokens.access, args=(number,))
        caller.start()
        endpoint.wait_for(1)
        token = begun(tokens.at_hand(number))
    caller.join()

    assert token.result(30).version == 2
    assert len(worker.endpoint.posted) == 1
