"""Many customers at the default pace, with the latency of a public API: a full house for the senders."""

from collections.abc import Iterator

from bench.bare import better_way
from bench.databases import Databases
from bench.ground import Ground
from bench.lines.drains import clients
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line, Target, middle

SENDERS = 256
LATENCY = 0.3
PACE = 2
MOST_MIB = Target(200, " MiB", most=True)
SHARE = Target(0.65)


def paced(size: Size, databases: Databases) -> Iterator[Line]:
    """Drain some rows of each of 500 customers, on both databases side by side."""
    number = size.paced_customers * size.paced_rows
    with stand_in(LATENCY) as place:
        best = better_way(place, threads=SENDERS, requests=number)
        for kind in size.kinds:
            ground = Ground(databases, kind, place, PUSH__CONCURRENCY=SENDERS, PUSH__RATE_PER_SECOND=PACE)
            ground.connect([f"c-{one}" for one in range(size.paced_customers)])
            ground.add(size.paced_rows)
            used = ground.push()
            ground.check()
            best.again()
            what = (
                f"{LATENCY * 1000:g} ms, {SENDERS} senders, {size.paced_customers} connections at a pace of"
                f" {PACE}, {kind}"
            )
            alone, speed = middle([one.speed for one in best.counted]), number / used.job_seconds
            yield Line(
                f"{what}: invites a second",
                f"{speed:.0f} ({number} rows)",
                f"{alone:.0f} ({clients(best.counted)})",
                ratio=speed / alone,
                target=SHARE,
            )
            peak = f"{used.peak_mib:.0f} MiB"
            yield Line(f"{what}: peak memory", peak, value=used.peak_mib, target=MOST_MIB)
