"""The groups of measurements by their names, one after the other or, where no time is judged, at once."""

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from bench.databases import Databases
from bench.lines.arrivals import arrivals
from bench.lines.directories import directories
from bench.lines.drains import drains
from bench.lines.hanging import hanging
from bench.lines.idle import idle
from bench.lines.imports import imports
from bench.lines.locked import locked
from bench.lines.memory import memory
from bench.lines.paced import paced
from bench.lines.processes import processes
from bench.lines.scale import scale
from bench.lines.stand_in_alone import stand_in_alone
from bench.lines.starts import starts
from bench.lines.uneven import uneven
from bench.lines.unusable import unusable
from bench.size import QUICK, Size
from bench.table import Line

GROUPS: dict[str, Callable[[Size, Databases], Iterator[Line]]] = {
    "stand_in": stand_in_alone,
    "drains": drains,
    "paced": paced,
    "processes": processes,
    "unusable": unusable,
    "hanging": hanging,
    "locked": locked,
    "uneven": uneven,
    "arrivals": arrivals,
    "idle": idle,
    "directories": directories,
    "starts": starts,
    "scale": scale,
    "memory": memory,
    "imports": imports,
}
# What is measured at once where no time is judged; the first part alone needs a PostgreSQL server.  Starts
# and memory are left out: there is nothing in them but time and size.
PARTS = (
    ("drains", "processes", "locked"),
    ("paced", "unusable", "hanging", "uneven", "directories", "scale"),
    ("stand_in", "arrivals", "idle", "imports"),
)


def measured(groups: Sequence[str], size: Size) -> Iterator[str]:
    """Measure one group after the other; yield each line of the table as soon as it is known.

    Raises:
        SystemExit: after the last one, where any found something wrong, which was told then.
    """
    failed = []
    with Databases() as databases:
        for name in groups:
            began = time.monotonic()
            try:
                for line in GROUPS[name](size, databases):
                    yield line.markdown(judged=size is not QUICK)
            except SystemExit as error:
                print(f"{name}: {error}", file=sys.stderr)
                failed.append(name)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def tried(groups: Sequence[str]) -> Iterator[str]:
    """Measure all of them with small numbers, several at once."""
    spawned = multiprocessing.get_context("spawn")
    parts = [[name for name in part if name in groups] for part in PARTS]
    with ProcessPoolExecutor(len(parts), mp_context=spawned) as pool:
        for part in as_completed([pool.submit(_all_of, part) for part in parts if part]):
            yield from part.result()


def _all_of(groups: Sequence[str]) -> list[str]:
    return list(measured(groups, QUICK))
