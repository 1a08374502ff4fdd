"""Drains beside as many threads that store nothing: speed, and CPU per invite."""

from collections.abc import Iterator, Sequence

from bench.bare import Bare, Best, better_way
from bench.databases import Databases
from bench.ground import Ground
from bench.measuring import Used
from bench.size import Size
from bench.stand_in import StandIn, stand_in
from bench.table import Line, Target, middle

KINDS = ("sqlite", "postgresql")
PLAIN = (  # latency in seconds, senders, share of bare
    (0.05, 64, 0.65),
    (0.05, 8, 0.96),
    (0.0, 8, 0.60),
    (0.05, 32, 0.90),
)
CPU_AT = (0.05, 32)
CPU_TARGET = Target(1.5, most=True)
FASTEST = 1200  # a second, more than bare makes


def drains(size: Size, databases: Databases) -> Iterator[Line]:
    """Measure each latency and number of senders, on both databases side by side."""
    for latency, senders, target in PLAIN[-size.drains :]:
        yield from _at(size, databases, latency, senders, Target(target))


def _at(size: Size, databases: Databases, latency: float, senders: int, target: Target) -> Iterator[Line]:
    number = rows_for(size, latency, senders)
    with stand_in(latency) as place:
        best = better_way(place, threads=senders, requests=number)
        drained = [Drained(databases, kind, place, senders) for kind in KINDS]
        for turn in range(size.rounds):
            if turn:
                best.again()
            for one in drained:
                one.round(number)
        title = f"{latency * 1000:g} ms, {senders} senders"
        for one in drained:
            one.ground.check()
            yield _speed(f"{title}, {one.ground.kind}: invites a second", one, number, best, target)
        if (latency, senders) == CPU_AT:
            yield from (_cpu(f"{title}, {one.ground.kind}: CPU per invite", one, best) for one in drained)


def rows_for(size: Size, latency: float, senders: int) -> int:
    """Return how many rows such a drain needs to take long enough."""
    ideal = min(FASTEST, senders / latency) if latency else FASTEST
    return max(size.least, int(ideal * size.seconds))


class Drained:
    """One database, and the drains that were made on it."""

    def __init__(self, databases: Databases, kind: str, place: StandIn, senders: int) -> None:
        """Do a first small drain: with one row a sender, it is what a start costs."""
        self.ground = Ground(databases, kind, place, PUSH__CONCURRENCY=senders)
        self.ground.connect(["acme"])
        self.few = senders
        self.ground.add(self.few)
        self.start = self.ground.push()
        self.used: list[tuple[int, Used]] = []

    def round(self, number: int) -> None:
        """Drain so many."""
        self.ground.add(number)
        self.used.append((number, self.ground.push()))

    @property
    def speed(self) -> float:
        """Invites per second, the median of the rounds."""
        return middle([number / used.job_seconds for number, used in self.used])

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per invite: of each one beyond the first small drain."""
        start = self.start.cpu_seconds
        return middle([(used.cpu_seconds - start) / (number - self.few) * 1000 for number, used in self.used])


def _speed(what: str, one: Drained, number: int, best: Best, target: Target) -> Line:
    alone = middle([each.speed for each in best.counted])
    peak = max(used.peak_mib for _, used in one.used)
    return Line(
        what,
        f"{one.speed:.0f} ({number} rows, {peak:.0f} MiB)",
        f"{alone:.0f} ({clients(best.counted)})",
        ratio=one.speed / alone,
        target=target,
    )


def _cpu(what: str, one: Drained, best: Best) -> Line:
    alone = middle([each.cpu_ms for each in best.counted])
    return Line(what, f"{one.cpu_ms:.2f} ms", f"{alone:.2f} ms", ratio=one.cpu_ms / alone, target=CPU_TARGET)


def clients(passes: Sequence[Bare]) -> str:
    """Say in which way the bare threads were faster."""
    return "one client" if passes[0].shared else "a client each"
