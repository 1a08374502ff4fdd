"""Everything that ``make bench`` measures: ``python -m bench --help``."""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.databases import Databases
from bench.lines.drains import drains
from bench.size import FULL, QUICK, SHORT, Size
from bench.table import HEAD, Line

Group = Callable[[Size, Databases], Iterator[Line]]
GROUPS: dict[str, Group] = {
    "drains": drains,
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
    print(f"Python {platform.python_version()}, {platform.machine()}, {time.strftime('%Y-%m-%d')}\n\n{HEAD}", flush=True)
    with Databases() as databases:
        for name in given.groups or GROUPS:
            _measure(name, size, databases)


def _measure(name: str, size: Size, databases: Databases) -> None:
    began = time.monotonic()
    for line in GROUPS[name](size, databases):
        print(line.markdown(), flush=True)
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
