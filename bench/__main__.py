"""Everything that ``make bench`` measures: ``python -m bench --help``."""

import argparse
from dataclasses import replace

from bench.groups import GROUPS, measured, tried
from bench.machine import described
from bench.size import FULL, QUICK, SHORT
from bench.table import HEAD


def main() -> None:
    """Measure the groups that are named, or all of them, and print each line when it is known."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP", help=", ".join(GROUPS))
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument(
        "--quick", action="store_const", const=QUICK, default=FULL, dest="size", help="judge no time"
    )
    sizes.add_argument(
        "--short", action="store_const", const=SHORT, dest="size", help="for a look in between"
    )
    parser.add_argument("--rows", type=int, metavar="N", help="for scale: how many are pending or finished")
    given = parser.parse_args()
    groups = given.groups or list(GROUPS)
    size = replace(given.size, many_rows=given.rows) if given.rows else given.size
    print(f"{described()}\n\n{HEAD}", flush=True)
    for line in tried(groups) if size is QUICK else measured(groups, size):
        print(line, flush=True)


if __name__ == "__main__":
    main()
