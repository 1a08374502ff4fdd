"""Four processes on one PostgreSQL database, over one."""

from collections.abc import Iterator

from bench.databases import Databases
from bench.ground import LONGEST_SECONDS, PUSH, Ground
from bench.measuring import finished
from bench.size import Size
from bench.stand_in import StandIn, stand_in
from bench.table import Line, Target, middle, share

SENDERS = 8
LATENCY = 0.05
PROCESSES = 4
CUSTOMERS = 20
TARGET = Target(3.4)
# All processes are at work then: none is starting yet, and none has ended.
FROM, TO = 0.25, 0.75


def processes(size: Size, databases: Databases) -> Iterator[Line]:
    """Drain with one and with four, in turn."""
    each = max(1, int(SENDERS / LATENCY * size.seconds) // CUSTOMERS)
    one, four = [], []
    with stand_in(LATENCY) as place:
        ground = Ground(databases, "postgresql", place, PUSH__CONCURRENCY=SENDERS)
        ground.connect([f"c-{number}" for number in range(CUSTOMERS)])
        for _ in range(size.rounds):
            one.append(_speed(ground, place, each, 1))
            four.append(_speed(ground, place, each * PROCESSES, PROCESSES))
    alone, together = middle(one), middle(four)
    yield Line(
        f"{LATENCY * 1000:g} ms, {SENDERS} senders, postgresql: {PROCESSES} processes, invites a second",
        f"{together:.0f}",
        f"{alone:.0f} (one process)",
        ratio=together / alone,
        target=TARGET,
    )


def _speed(ground: Ground, place: StandIn, each: int, number: int) -> float:
    """Return how many came in a second in the middle of the drain."""
    ground.add(each)
    seen = len(place.ledger().creates)
    running = [ground.start(*PUSH) for _ in range(number)]
    for process in running:
        finished(process.wait(LONGEST_SECONDS), PUSH, {0})
    ground.check()
    moments = [create.moment for create in place.ledger().creates[seen:]]
    if len(moments) != each * CUSTOMERS:
        raise SystemExit(f"{len(moments)} of {each * CUSTOMERS} were sent")
    return (TO - FROM) * len(moments) / (share(moments, TO) - share(moments, FROM))
