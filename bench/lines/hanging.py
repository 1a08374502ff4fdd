"""A token endpoint that does not answer, while customers are due for a refresh.

Their tokens are valid for some minutes yet, so that their rows are sent, too, in turn with those of the one
who is fresh.  So it is compared with the same rows of the same customers, of whom none is due.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from bench.customers import due_for_refresh
from bench.databases import Databases
from bench.ground import Ground
from bench.lines.beside import LATENCY, SETTINGS, Beside
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line, Target

DUE = 30
ROWS = 5  # of each of them
TARGET = Target(0.9)


def hanging(size: Size, databases: Databases) -> Iterator[Line]:
    """Let thirty customers' tokens be due and still valid; one other's is fresh."""
    for kind in size.kinds:
        speeds = []
        for due in ({}, due_for_refresh(datetime.now(UTC))):
            with stand_in(LATENCY) as place:
                place.order(latency=LATENCY, hang_tokens=True)
                ground = Ground(databases, kind, place, **SETTINGS)
                companies = ground.connect(["fresh"])
                ground.add(size.beside_rows)
                ground.connect([f"due-{one}" for one in range(DUE)], **due)
                ground.add(ROWS, "due-%")
                speed, used = Beside(ground, companies, size.beside_rows).speed(size.limit)
                ground.check(whole=used.ended)
                speeds.append(speed)
        yield Line(
            f"a token endpoint that hangs, {DUE} customers due for a refresh, {kind}: invites a second of"
            " one who is fresh",
            f"{speeds[1]:.1f} ({ROWS} rows of each other)",
            f"{speeds[0]:.1f} (none is due)",
            ratio=speeds[1] / speeds[0],
            target=TARGET,
        )
