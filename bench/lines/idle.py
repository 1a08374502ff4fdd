"""What a service costs that has nothing to do, with very many customers."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from bench.databases import Databases
from bench.ground import Ground
from bench.measuring import finished
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line, Target

RUN, CORE = Target(5, " ms", most=True), Target(0.3, " %", most=True)
STARTS_WITHIN = 60.0
OFTEN, SELDOM = 0.5, 3600  # seconds between two pushes


def idle(size: Size, databases: Databases) -> Iterator[Line]:
    """Let the service idle as it is, and with pushes often and seldom, which shows what one costs."""
    for kind in size.kinds:
        with stand_in() as place:
            ground = Ground(databases, kind, place)
            ground.connect([f"c-{number}" for number in range(size.idle_customers)])
            what = f"{size.idle_customers} connections, nothing due, {kind}"
            usual = _share_of_core(size, ground, size.idle_seconds)
            yield Line(
                f"{what}: idle `run`", f"{usual * 100:.2f} % of a core", value=usual * 100, target=CORE
            )
            seconds = size.idle_seconds / 3
            often, seldom = (
                _share_of_core(
                    size,
                    ground,
                    seconds,
                    WORKER_JOBS__PUSH_INVITES__EVERY=every,
                    WORKER_JOBS__RECONCILE_INVITES__EVERY=SELDOM,
                )
                for every in (OFTEN, SELDOM)
            )
            one = (often - seldom) * OFTEN * 1000
            yield Line(f"{what}: one run", f"{one:.1f} ms of CPU", value=one, target=RUN)


def _share_of_core(size: Size, ground: Ground, seconds: float, **settings: object) -> float:
    """Return how much of a core the service takes while it idles."""
    usual = ground.env
    ground.env = usual | {name: str(value) for name, value in settings.items()}
    running = ground.start("run")
    try:
        if not running.until(lambda: running.said("worker.started"), STARTS_WITHIN):
            raise SystemExit("the service did not start")
        pid = running.pid
        time.sleep(size.settles)
        before, began = _cpu_seconds(pid), time.monotonic()
        time.sleep(seconds)
        used = (_cpu_seconds(pid) - before) / (time.monotonic() - began)
    finally:
        ended = running.stop()
        ground.env = usual
    finished(ended, ("run",), {0})
    return used


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
