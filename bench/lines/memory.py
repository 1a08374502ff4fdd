"""The peak memory of a long drain."""

from collections.abc import Iterator

from bench.databases import Databases
from bench.ground import Ground
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line, Target

SENDERS = 32
LATENCY = 0.02
TARGET = Target(90, " MiB", most=True)


def memory(size: Size, databases: Databases) -> Iterator[Line]:
    """Drain a hundred thousand rows of one customer."""
    with stand_in(LATENCY) as place:
        ground = Ground(databases, "sqlite", place, PUSH__CONCURRENCY=SENDERS)
        ground.connect(["acme"])
        ground.add(size.memory_rows)
        used = ground.run("run-once", "push_invites", longest=3600)
        ground.check()
    yield Line(
        f"a drain of {size.memory_rows:,} rows, {SENDERS} senders, sqlite: peak memory",
        f"{used.peak_mib:.0f} MiB ({size.memory_rows / used.job_seconds:.0f} a second)",
        value=used.peak_mib,
        target=TARGET,
    )
