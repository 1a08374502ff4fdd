"""Customers with uneven loads: one has most of the rows, one a dead grant, one is held."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.databases import Databases
from bench.ground import PUSH, Ground
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line
from worker.connections.states import HoldReason
from worker.errors import ExitCode

SMALL_ROWS = 10
SMALL = "small-%"


def uneven(size: Size, databases: Databases) -> Iterator[Line]:
    """Drain once, and tell when the small ones were through, and what the process had open."""
    names = [f"small-{number}" for number in range(size.paced_customers - 3)]
    rows = SMALL_ROWS * len(names)
    for kind in size.kinds:
        with stand_in() as place:
            ground = Ground(databases, kind, place)
            small = set(ground.connect(names))
            over = datetime.now(UTC) - timedelta(minutes=1)
            ground.connect(["big"])
            ground.connect(["dead"], access_expires_at=over, refresh_token_enc=None)
            ground.connect(["held"], hold_reason=HoldReason.PAUSED)
            ground.add(SMALL_ROWS)
            ground.add(rows, "big")
            used = ground.run(*PUSH, expect=[ExitCode.NEEDS_AUTHORISATION])
            ground.check()
            creates = place.ledger().creates
        last = max(number for number, one in enumerate(creates, 1) if one.company in small)
        yield Line(
            f"{len(names)} customers with {SMALL_ROWS} rows, one with {rows:,}, one dead, one held, {kind}:"
            " the last of the small ones",
            f"request {last:,} of {len(creates):,}",
            f"{used.peak_mib:.0f} MiB, {used.threads} threads, {used.databases} database connections,"
            f" {len(creates) / used.job_seconds:.0f} a second",
        )
