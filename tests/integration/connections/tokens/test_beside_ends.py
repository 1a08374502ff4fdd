"""A stop while tokens are refreshed beside the work."""

import threading

import pytest

from tests.integration.connections.endpoint import Reply
from tests.integration.connections.hanging_endpoint import (
    OVER,
    begun,
    connect,
    hanging,
)
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.tokens.access import Tokens
from worker.errors import (
    OutcomeUnknown,
    TryLater,
)
from worker.settings.model import REFRESHERS


def test_a_stop_begins_no_refresh_and_stores_the_one_in_flight(worker: WorkerWithTokenEndpoint) -> None:
    """What is posted is stored, who waits in the queue is told to come again, and the end waits."""
    numbers, stop = connect(worker, REFRESHERS + 3), threading.Event()
    worker.clock.advance(OVER)
    tokens = worker.tokens(stop=stop)

    with hanging(worker) as endpoint:
        asked = [begun(tokens.at_hand(number)) for number in numbers]
        endpoint.wait_for(REFRESHERS)
        stop.set()
        assert tokens.in_progress == REFRESHERS
        with pytest.raises(TryLater, match="stopping"):
            tokens.at_hand(numbers[0])
    tokens.close()

    assert [future.result(0).version for future in asked[:REFRESHERS]] == [2] * REFRESHERS
    for future in asked[REFRESHERS:]:
        with pytest.raises(TryLater, match="stopping"):
            future.result(0)
    assert len(worker.endpoint.posted) == REFRESHERS
    assert tokens.in_progress == 0


def test_closed_tokens_repeat_no_post_and_begin_no_refresh(worker: WorkerWithTokenEndpoint) -> None:
    """A run by hand ends without a signal: it waits for the answer to come, and not for the one after."""
    number = worker.connect()
    worker.clock.advance(OVER)
    worker.endpoint.always = Reply(0)
    tokens = Tokens(worker.database, worker.vault, worker.oauth, owner="host/1/2", clock=worker.clock)
    during: list[bool] = []
    closing = threading.Thread(target=tokens.close)
    worker.once(closing.start, lambda: during.append(tokens._closing.wait(10)))

    future = begun(tokens.at_hand(number))
    with pytest.raises(OutcomeUnknown):
        future.result(10)
    closing.join()
    with pytest.raises(TryLater, match="stopping"):
        tokens.at_hand(number)

    assert during == [True]
    assert len(worker.endpoint.posted) == 1


def test_a_stop_ends_the_wait_for_a_token(worker: WorkerWithTokenEndpoint) -> None:
    """The request in flight is waited for by who closes the tokens, and by nobody else."""
    number, stop = worker.connect(), threading.Event()
    worker.clock.advance(OVER)
    tokens = worker.tokens(stop=stop)

    with hanging(worker) as endpoint:
        tokens.at_hand(number)
        endpoint.wait_for(1)
        threading.Thread(target=stop.set).start()
        with pytest.raises(TryLater):
            tokens.soon(number, patience_seconds=600)
    tokens.close()

    assert worker.row().token_version == 2
