"""Everything that ``make bench`` measures: ``python -m bench --help``."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

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
from bench.machine import described
from bench.size import FULL, QUICK, SHORT, Size
from bench.table import HEAD, Line

Group = Callable[[Size, Databases], Iterator[Line]]
GROUPS: dict[str, Group] = {
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


def main() -> None:
    """Measure the groups that are named, or all of them, and print each line when it is known."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP", help=", ".join(GROUPS))
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_const", const=QUICK, default=FULL, dest="size")
    sizes.add_argument("--short", action="store_const", const=SHORT, dest="size", help="on a busy machine")
    parser.add_argument("--rows", type=int, metavar="N", help="for scale: how many are pending or finished")
    given = parser.parse_args()
    size = replace(given.size, many_rows=given.rows) if given.rows else given.size
    print(f"{described()}\n\n{HEAD}", flush=True)
    with Databases() as databases:
        for name in given.groups or GROUPS:
            _measure(name, size, databases)


def _measure(name: str, size: Size, databases: Databases) -> None:
    began = time.monotonic()
    for line in GROUPS[name](size, databases):
        print(line.markdown(judged=size is not QUICK), flush=True)
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
