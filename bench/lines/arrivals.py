"""From the commit of a caller's INSERT to the first byte of the create, while the service is idle."""

import random
import time
from collections.abc import Iterator

from bench.databases import Databases
from bench.ground import Ground
from bench.measuring import Running, finished
from bench.size import Size
from bench.stand_in import StandIn, stand_in
from bench.table import Line, Target, middle, share

MIDDLE, LATE = Target(0.3, " s", most=True), Target(1.0, " s", most=True)
STARTS_WITHIN = 30.0
LONGEST = 20.0  # seconds until it must have come
PAUSE = (0.2, 1.2)  # seconds of idleness before each


def arrivals(size: Size, databases: Databases) -> Iterator[Line]:
    """Insert one at a time, for one service after the other."""
    for kind in size.kinds:
        with stand_in() as place:
            ground = Ground(databases, kind, place)
            ground.connect(["acme"])
            ground.add(1)
            running = ground.start("run")
            waited = _waited(size, ground, place, running)
            finished(running.stop(), ("run",), {0})
            ground.check()
        what = f"{kind}: from a caller's commit to the first byte, idle service, {size.arrivals} inserts"
        for name, value, target in (
            ("median", middle(waited), MIDDLE),
            ("99th percentile", share(waited, 0.99), LATE),
        ):
            yield Line(f"{what}: {name}", f"{value:.2f} s", value=value, target=target)


def _waited(size: Size, ground: Ground, place: StandIn, running: Running) -> list[float]:
    if not running.until(lambda: len(place.ledger().creates) == 1, STARTS_WITHIN):
        raise SystemExit("the service sent nothing after its start")
    time.sleep(size.settles)
    waited: list[float] = []
    for _ in range(size.arrivals):
        time.sleep(random.uniform(*PAUSE))  # noqa: S311 -- no two at the same place between two looks
        ground.add(1)
        committed = time.monotonic()
        seen = len(waited) + 2
        if not running.until(lambda seen=seen: len(place.ledger().creates) == seen, LONGEST):  # type: ignore[misc]
            raise SystemExit(f"an invite was not sent within {LONGEST:g} s")
        waited.append(place.ledger().creates[-1].moment - committed)
    return waited
