"""How much is measured: enough to compare, or just enough to see that it works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of rows, customers and rounds; *seconds* of bare's speed is what a drain takes."""

    kinds: tuple[str, ...] = ("sqlite", "postgresql")
    rounds: int = 3
    seconds: float = 4.0
    least: int = 300  # rows of a drain
    drains: int = 4  # pairs of a latency and a number of senders
    paced_customers: int = 500
    paced_rows: int = 10  # of each
    unusable: int = 3000
    beside_rows: int = 1000
    arrivals: int = 60
    idle_customers: int = 10_000
    idle_seconds: float = 30.0
    settles: float = 8.0  # seconds until what a service does at its start is over
    directories: int = 500
    starts: int = 5
    many_rows: int = 1_000_000
    memory_rows: int = 100_000
    import_lines: int = 50_000
    limit: float = 60.0  # seconds for what may never end


FULL = Size()
SHORT = Size(
    rounds=1, seconds=3.0, arrivals=12, idle_seconds=20.0, directories=100, starts=3, many_rows=100_000,
    memory_rows=10_000, import_lines=20_000, limit=30.0,
)  # fmt: skip
QUICK = Size(
    kinds=("sqlite",), rounds=1,
    seconds=0.2, least=40, drains=1, paced_customers=20, paced_rows=2, unusable=9,
    beside_rows=50, arrivals=2, idle_customers=20, idle_seconds=1.0, settles=1.0, directories=5, starts=1,
    many_rows=200, memory_rows=100, import_lines=200, limit=20.0,
)  # fmt: skip
