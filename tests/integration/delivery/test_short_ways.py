"""Who follows an invite or a refusal through the code has few files to open.

Counted are the files that decide, those of ``worker/delivery`` and ``worker/connections``.  Not counted is
what every part of the worker uses, and what needs not be read for it: transactions, HTTP, the clock.
"""

import inspect
from collections.abc import Callable

import pytest

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.tracing import Step, files_between, traced
from worker.connections.usable import moves
from worker.delivery.consequences.apply import Consequences
from worker.delivery.send.sender import Sender
from worker.sandbox import Faults

DECIDING = ("delivery/", "connections/")
move: Callable[..., object] = inspect.unwrap(moves.move)


@pytest.fixture
def steps_of_a_push(worker: WorkerWithSandbox) -> Callable[[Faults], list[Step]]:
    """Return what pushes one invite, in a process that has pushed before, and tells the steps."""
    worker.connect()
    worker.add("before")
    worker.push()

    def push(faults: Faults) -> list[Step]:
        worker.sandbox.set_faults(faults)
        worker.add("v-1")
        with traced() as steps:
            worker.push()
        return steps

    return push


def test_one_send_goes_through_twelve_files(steps_of_a_push: Callable[[Faults], list[Step]]) -> None:
    """From the ready row, over its claim and its request, to the verdict that the journal has."""
    steps = steps_of_a_push(Faults())

    files = files_between(steps, Sender._send, Sender._send, packages=DECIDING)

    assert {"delivery/send/sender.py", "delivery/store/claims.py", "delivery/store/verdicts.py"} <= {*files}
    assert len(files) <= 12, files


def test_a_429_is_a_hold_after_eight_files(steps_of_a_push: Callable[[Faults], list[Step]]) -> None:
    """From the stored verdict to the commit of the hold that Envoy's Retry-After asks for."""
    steps = steps_of_a_push(Faults(error_429_share=1.0, retry_after="120"))

    files = files_between(steps, Consequences.draw, move, packages=DECIDING)

    assert {"delivery/consequences/apply.py", "connections/usable/holds.py"} <= {*files}
    assert len(files) <= 8, files
