"""The hourly round of directories: two lists of every customer, of whom nothing has changed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.databases import Databases
from bench.ground import Ground
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line, Target

LATENCY = 0.2
ALL = 10_000
TARGET = Target(20, " min", most=True)
JOB = "refresh_directory"
_WRITTEN = """
    SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables
    WHERE relname IN ('location', 'flow')
"""


def directories(size: Size, databases: Databases) -> Iterator[Line]:
    """Read those of some customers again, and tell what 10,000 take at that speed."""
    for kind in size.kinds:
        with stand_in(LATENCY) as place:
            ground = Ground(databases, kind, place)
            old = datetime.now(UTC) - timedelta(hours=2)
            ground.connect([f"c-{n}" for n in range(size.directories)], directory_refreshed_at=old)
            before = _written(ground)
            used = ground.run("run-once", JOB)
            told = used.event("job.finished", JOB)
            if told["refreshed"] != size.directories or place.ledger().counts["lists"] < 2 * size.directories:
                raise SystemExit(f"{kind}: not every directory was read")
            written = f", {_written(ground) - before} entries written" if kind == "postgresql" else ""
        seconds = told["duration_ms"] / 1000 / size.directories
        minutes = seconds * ALL / 60
        yield Line(
            f"directories, {LATENCY * 1000:g} ms, {kind}: {ALL:,} customers, of whom nothing changed",
            f"{minutes:.0f} min, CPU {used.cpu_seconds / size.directories * ALL:.0f} s"
            f" (by {size.directories} customers{written})",
            value=minutes,
            target=TARGET,
        )


def _written(ground: Ground) -> int:
    return int(ground.rows(_WRITTEN)[0][0]) if ground.kind == "postgresql" else 0
