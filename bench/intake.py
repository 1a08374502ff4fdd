"""Import a large file, and import it again: ``python -m bench.intake --help``.

The floor is the same rows, unchecked, through the csv module and the driver alone, into the same schema.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.floor import insert_all
from bench.measuring import Used, worker
from bench.stand_in import stand_in
from bench.visits import write_visits
from bench.workplace import CONNECTION, database_url, environment, prepare

MOST_LINES = 1_000_000


def intake(database: str, lines: int = 100_000) -> None:
    """Import so many lines: new, unchanged, changed, and as a mirror; print speed, memory and the floor."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stand_in(0) as place:
        file, changed, bare = (Path(folder) / f"{name}.csv" for name in ("visits", "changed", "bare"))
        write_visits(file, lines)
        write_visits(changed, lines, edition=2)
        write_visits(bare, lines, bare=True)
        with database_url(database) as url:
            prepare(environment(url, place, senders=8), invites=0)
            floor = insert_all(url, bare)
        print(
            f"intake, {database}: {lines:,} lines; the floor is {floor:.1f} s, {lines / floor:,.0f} a second"
        )
        with database_url(database) as url:
            env = environment(url, place, senders=8)
            prepare(env, invites=0)
            for what, given, *options in (
                ("first import", file),
                ("unchanged", file),
                ("every line changed", changed),
                ("unchanged, as a mirror", changed, "--mirror"),
            ):
                command = ("invites", "import", str(given), "--connection", CONNECTION, *options)
                _tell(what, worker(env, *command), lines, floor)


def _tell(what: str, used: Used, lines: int, floor: float) -> None:
    print(
        f"  {what}: {used.seconds:.1f} s, {lines / used.seconds:,.0f} lines a second,"
        f" {used.seconds / floor:.1f} times the floor, CPU {used.cpu_seconds:.1f} s,"
        f" peak memory {used.peak_mib:.0f} MiB"
    )
    sys.stdout.flush()


def main() -> None:
    """Read the command line and import."""
    parser = argparse.ArgumentParser(prog="python -m bench.intake", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--lines", type=int, default=100_000, choices=range(1, MOST_LINES + 1), metavar="N")
    intake(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
