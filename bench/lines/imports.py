"""Import a large file, and import it again.

The floor is the same rows, unchecked, through the csv module and the driver alone, into the same schema.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.databases import Databases
from bench.floor import insert_all
from bench.ground import Ground
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line
from bench.visits import write_visits

CUSTOMER = "acme"


def imports(size: Size, databases: Databases) -> Iterator[Line]:
    """Import as many lines: new, unchanged, changed, and as a mirror."""
    lines = size.import_lines
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stand_in() as place:
        file, changed, bare = (Path(folder) / f"{name}.csv" for name in ("visits", "changed", "bare"))
        write_visits(file, lines)
        write_visits(changed, lines, edition=2)
        write_visits(bare, lines, bare=True)
        for kind in size.kinds:
            empty, ground = (Ground(databases, kind, place) for _ in range(2))
            for each in (empty, ground):
                each.connect([CUSTOMER])
            floor = insert_all(empty.url, bare)
            for what, given, *options in (
                ("new", file),
                ("unchanged", file),
                ("every line changed", changed),
                ("unchanged, as a mirror", changed, "--mirror"),
            ):
                used = ground.run("invites", "import", str(given), "--connection", CUSTOMER, *options)
                yield Line(
                    f"import of {lines:,} lines, {kind}, {what}: seconds",
                    f"{used.seconds:.1f} (CPU {used.cpu_seconds:.1f} s, {used.peak_mib:.0f} MiB)",
                    f"{floor:.1f} (unchecked INSERTs)",
                    ratio=used.seconds / floor,
                )
