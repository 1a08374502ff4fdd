import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.clocks import Clock, turned
from tests.torture.exactly_once import require_exactly_once
from tests.torture.fast_installation import FastInstallation, ended, prepared
from tests.torture.scale import FULL
from tests.workers import ForkedCommands
from worker.sandbox import Faults

ROOT = Path(__file__).parents[2]
NIGHTLY = 'cron = "17 3 * * *"\njitter = 600'
ROWS = 5
SOON_SECONDS = 30  # of the minute that is promised
# As an operator has them: what waits by a clock that is put back would wait for as long as the step.
AS_DELIVERED = {
    "WORKER_PUSH__BACKOFF_SECONDS": "[1, 900]",
    "WORKER_PUSH__HOLD_SECONDS": "[1, 900]",
    "WORKER_RECONCILE__LOOK_UP_AFTER": "[1, 2]",
    "WORKER_JOBS__PUSH_INVITES__EVERY": "0.2",
    "WORKER_JOBS__RECONCILE_INVITES__EVERY": "0.2",
}
THROTTLED = Faults(error_429_share=1.0, only="")
SLOW = Faults(latency_seconds=0.5 if FULL else 0.0, only="")
MINUTES, HOURS, YEARS = timedelta(minutes=10), timedelta(hours=5), timedelta(days=5 * 365)
SERVICES = 2 if FULL else 1  # a second one finds what the first has on its way, and its leases
SAMPLE = (-MINUTES, YEARS, -HOURS - YEARS)
ALL = (
    -MINUTES, MINUTES, -HOURS, HOURS, -YEARS, YEARS, YEARS, -YEARS, -timedelta(minutes=1),
    timedelta(minutes=1), -timedelta(minutes=59), -timedelta(days=30), timedelta(days=3), -HOURS, -MINUTES,
)  # fmt: skip


def pruned_often(folder: Path) -> dict[str, str]:
    """Return the setting of a file by which all that is long over is cleared twice a second, not at night."""
    delivered = (ROOT / "settings.toml").read_text(encoding="utf-8")
    assert NIGHTLY in delivered
    file = folder / "settings.toml"
    file.write_text(delivered.replace(NIGHTLY, "every = 0.5"), encoding="utf-8")
    return {"WORKER_SETTINGS": str(file)}


def jump(installation: FastInstallation, clock: Clock, by: timedelta) -> float:
    """Set the clock while rows are due, deferred, changed, and a token refused; return how long it took."""
    installation.sandbox.set_faults(THROTTLED)
    installation.add(ROWS)
    installation.change(2 * ROWS)
    installation.wait_for(
        lambda: installation.rows("SELECT 1 FROM connection WHERE hold_reason IS NOT NULL") != []
    )
    installation.sandbox.set_faults(SLOW)
    if FULL:
        installation.wait_for(
            lambda: installation.rows("SELECT 1 FROM delivery WHERE status = 'sending'") != []
        )
    installation.sandbox.expire_access_tokens()
    clock.jump(by)
    began = time.monotonic()
    installation.add(ROWS)
    installation.settle(SOON_SECONDS)
    return time.monotonic() - began


@pytest.mark.parametrize("jumps", [pytest.param(ALL if FULL else SAMPLE, id="jumps")])
def test_whatever_the_clock_jumps_by_all_is_sent_once_and_soon(
    database_url: str,
    forked_commands: ForkedCommands,
    counts: Counter[str],
    tmp_path: Path,
    jumps: tuple[timedelta, ...],
) -> None:
    """Rows that are due, deferred, changed and on their way, a hold, a token that is to be replaced."""
    settings = AS_DELIVERED | pruned_often(tmp_path)
    with (
        prepared(forked_commands, database_url, settings) as installation,
        turned(installation, tmp_path) as clock,
    ):
        installation.add_near()
        installation.add(2 * ROWS)
        with ended(installation.services(SERVICES)) as services:
            installation.settle()
            took = [jump(installation, clock, by) for by in jumps]
            outputs = [service.output.read_text() for service in services]
            assert not any(service.ended() for service in services)
        counts["jumps"] = len(jumps)
        counts["slowest"] = round(max(took))
        counts.update(require_exactly_once(installation))
        pruned = installation.rows(
            "SELECT last_run_at FROM job WHERE name = 'prune_history' AND last_run_at IS NOT NULL"
        )
        cleared = installation.rows("SELECT external_id FROM invite WHERE cleared_at IS NOT NULL")
        ledger = installation.sandbox.ledger()

    assert (len(pruned), cleared) == (1, [])
    for output in outputs:  # two jumps within a second may come to nothing
        assert 0 < output.count('"worker.clock_jumped"') <= len(jumps)
    assert not any('"interrupted"' in output for output in outputs), "what was on its way was given up"
    assert ledger["refresh_token_reuse"] == ledger["families_killed"] == 0
