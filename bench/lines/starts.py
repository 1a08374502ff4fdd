"""What it costs to start a command; CPU."""

from collections.abc import Iterator

from bench.databases import Databases
from bench.ground import Ground
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line, Target, middle

COMMANDS = (("run-once", 0.8), ("status", 0.8), ("--help", 0.15))


def starts(size: Size, databases: Databases) -> Iterator[Line]:
    """Start each some times, with one customer and nothing due."""
    with stand_in() as place:
        ground = Ground(databases, "sqlite", place)
        ground.connect(["acme"])
        for command, most in COMMANDS:
            rounds = [ground.run(command) for _ in range(size.starts)]
            cpu = middle([used.cpu_seconds for used in rounds])
            wall = middle([used.seconds for used in rounds])
            peak = max(used.peak_mib for used in rounds)
            yield Line(
                f"`{command}`, nothing due: CPU",
                f"{cpu:.2f} s ({wall:.2f} s by the clock, {peak:.0f} MiB)",
                value=cpu,
                target=Target(most, " s", most=True),
            )
