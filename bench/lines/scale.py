"""A push of a thousand beside very many pending and finished rows, over one in a small database."""

from collections.abc import Iterator

from bench.databases import Databases
from bench.ground import PUSH, Ground
from bench.measuring import Used
from bench.size import Size
from bench.stand_in import StandIn, stand_in
from bench.table import Line, Target, middle

MANY = 1000  # what is pushed
CUSTOMERS = 10
TARGET = Target(1.3, most=True)


def scale(size: Size, databases: Databases) -> Iterator[Line]:
    """Push without latency, so that what is measured is the claim and what stands around it."""
    limit = min(MANY, size.many_rows // 4)
    for kind in size.kinds:
        with stand_in() as place:
            small, large = _ground(databases, kind, place), _ground(databases, kind, place)
            large.add(size.many_rows // 2 // CUSTOMERS)
            large.finish()
            large.add(size.many_rows // 2 // CUSTOMERS)
            few, many = [], []
            for _ in range(size.rounds):
                small.add(limit // CUSTOMERS)
                few.append(_push(small, limit))
                many.append(_push(large, limit))
            small.check()
            large.check()
        quick, slow = (middle([used.job_seconds / limit * 1000 for used in each]) for each in (few, many))
        yield Line(
            f"a push of {limit} beside {size.many_rows:,} rows, half pending and half finished, {kind}",
            f"{slow:.2f} ms an invite",
            f"{quick:.2f} ms (nothing else there)",
            ratio=slow / quick,
            target=TARGET,
        )


def _ground(databases: Databases, kind: str, place: StandIn) -> Ground:
    ground = Ground(databases, kind, place)
    ground.connect([f"c-{number}" for number in range(CUSTOMERS)])
    return ground


def _push(ground: Ground, limit: int) -> Used:
    return ground.run(*PUSH, "--limit", str(limit))
