import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.torture.exactly_once import REFUSED, require_exactly_once
from tests.torture.fast_installation import SENDERS, FastInstallation, ended, prepared
from tests.torture.scale import scaled
from tests.workers import ForkedCommands
from worker.sandbox import Faults

INVITES = scaled(120, 300)
OUTAGE_SECONDS = scaled(2, 20)
LATENCY = Faults(latency_seconds=0.02)
LOST = ("html", "json")  # the forms of its 404
DOUBTFUL = "SELECT DISTINCT delivery_id AS id FROM attempt WHERE verdict = 'unknown'"


def begin(installation: FastInstallation, kind: str) -> None:
    """Let Envoy go away: drop each request, answer 503, close its port, or be lost to its gateway."""
    if kind == "stopped":
        installation.sandbox.stop()
    elif kind in LOST:
        installation.sandbox.set_faults(replace(LATENCY, lost=kind))
    else:
        installation.sandbox.set_faults(replace(LATENCY, outage=kind))


def end(installation: FastInstallation, kind: str) -> None:
    """Let Envoy come back."""
    if kind == "stopped":
        installation.sandbox.start()
    installation.sandbox.set_faults(LATENCY)


@pytest.mark.parametrize("kind", ["drop", "503", "stopped", *LOST])
def test_an_outage_brings_few_into_doubt_and_burns_no_attempts(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str], kind: str
) -> None:
    """Envoy is away for long: what was in flight is in doubt, all else waits, and it goes on by itself."""
    with prepared(forked_commands, database_url, faults=LATENCY) as installation:
        installation.add(INVITES)
        with ended(installation.services(1)) as [worker]:
            installation.wait_for(lambda: installation.left() <= INVITES * 3 / 4)
            begin(installation, kind)
            time.sleep(OUTAGE_SECONDS)  # how long it lasts
            counts["in_doubt_at_its_end"] = len(installation.rows(DOUBTFUL))
            end(installation, kind)
            installation.settle()
            assert not worker.ended()
        counts.update(require_exactly_once(installation, not_carried_out=REFUSED))
        repeated = {row["id"] for row in installation.rows("SELECT id FROM delivery WHERE attempts <> 1")}
        doubtful = {row["id"] for row in installation.rows(DOUBTFUL)}

    assert counts["in_doubt_at_its_end"] <= SENDERS
    assert doubtful >= repeated, "an invite that was never in doubt has used up an attempt"
