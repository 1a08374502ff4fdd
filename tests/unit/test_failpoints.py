import subprocess
import sys

import pytest

from worker.failpoints import armed, failpoint

CODE = """
import os
from worker.failpoints import arm_from, failpoint
arm_from(os.environ)
for number in (1, 2, 3):
    failpoint("after_intent")
    print(number, flush=True)
"""


def test_a_place_that_nobody_armed_does_nothing() -> None:
    """Only the place that is armed acts, and only when its turn comes."""
    reached: list[str] = []
    failpoint("after_intent")

    with armed("after_intent", nth=2, action=lambda: reached.append("acted")):
        failpoint("before_claim")
        failpoint("after_intent")
        assert reached == []
        failpoint("after_intent")
        failpoint("after_intent")
    failpoint("after_intent")

    assert reached == ["acted"]


def test_the_environment_kills_the_process_at_the_place() -> None:
    """It is SIGKILL, at the time that was asked for, and nothing after it happens."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={"WORKER_FAILPOINTS": "after_intent:3"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout.split()) == (-9, ["1", "2"])


def test_a_place_that_does_not_exist_is_refused() -> None:
    """A misspelt place would let a test pass that never crashed anything."""
    with (
        pytest.raises(ValueError, match="no such failpoint: after_intend"),
        armed("after_intend", action=list),
    ):
        pass
