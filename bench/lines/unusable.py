"""Thousands of connections that cannot be used, each with a due row, beside one that can."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.databases import Databases
from bench.ground import Ground
from bench.lines.beside import LATENCY, SETTINGS, Beside
from bench.size import Size
from bench.stand_in import stand_in
from bench.table import Line, Target
from worker.connections.states import ConnectionStatus, HoldReason

TARGET = Target(0.95)


def unusable(size: Size, databases: Databases) -> Iterator[Line]:
    """Let a third have no grant, a third be held, and a third wait after a refresh that failed."""
    for kind in size.kinds:
        speeds, used = [], None
        for others in (0, size.unusable):
            with stand_in(LATENCY) as place:
                ground = Ground(databases, kind, place, **SETTINGS)
                companies = ground.connect(["fine"])
                ground.add(size.beside_rows)
                _connect(ground, others)
                speed, used = Beside(ground, companies, size.beside_rows).speed(size.limit)
                ground.check(whole=used.ended)
                speeds.append(speed)
        assert used is not None
        end = f"run-once ends: {used.exit_code}" if used.ended else "run-once does not end"
        yield Line(
            f"{size.unusable} unusable connections with due rows, {kind}: invites a second of one other",
            f"{speeds[1]:.1f} ({end})",
            f"{speeds[0]:.1f} (alone)",
            ratio=speeds[1] / speeds[0],
            target=TARGET,
        )


def _connect(ground: Ground, number: int) -> None:
    now = datetime.now(UTC)
    kinds: dict[str, dict[str, object]] = {
        "unauthorised": {"status": ConnectionStatus.NEEDS_AUTHORISATION},
        "held": {
            "hold_reason": HoldReason.OUTAGE,
            "held_since": now,
            "held_until": now + timedelta(minutes=14),
            "hold_count": 9,
        },
        "cooling": {
            "access_issued_at": now - timedelta(hours=25),
            "access_expires_at": now - timedelta(hours=1),
            "refresh_started_at": now,
            "refresh_failures": 9,
            "refresh_error": "timeout",
            "refresh_retry_at": now + timedelta(minutes=14),
        },
    }
    for kind, columns in kinds.items():
        names = [f"{kind}-{one}" for one in range(number // len(kinds))]
        if names:
            ground.connect(names, **columns)
            ground.add(1, f"{kind}-%")
