"""Drain many customers with uneven loads: ``python -m bench.many --help``.

One has most of the rows, one a dead grant, one is held; all others have a few rows each.  Beside it the
same number of rows of one customer alone.
"""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from bench.measuring import Used, worker
from bench.stand_in import StandIn, stand_in
from bench.workplace import CONNECTION, add, connect, database_url, environment, opened
from worker.connections import store
from worker.connections.rows import CONNECTIONS, change
from worker.context import Context
from worker.errors import ExitCode

FIRST_COMPANY = 10_000
BIG, DEAD, HELD = "big", "dead", "held"
LONGEST_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Load:
    """Who has how much; *big* is what one connection has, *small* what most have."""

    database: str = "sqlite"
    connections: int = 500
    big: int = 50_000
    small: int = 10
    senders: int = 8

    @property
    def names(self) -> list[str]:
        """The connections, the odd ones last."""
        return [f"c-{number:03}" for number in range(self.connections - 3)] + [BIG, DEAD, HELD]

    @property
    def sent(self) -> int:
        """How many rows can be sent."""
        return self.big + self.small * (self.connections - 3)


def many(load: Load) -> None:
    """Drain once, and print when the small ones were through, speed, memory, threads and connections."""
    mixed, place_of_last = _mixed(load)
    alone = _alone(load)
    speed, speed_alone = (load.sent / _seconds(used) for used in (mixed, alone))
    print(
        f"many, {load.database}: {load.connections} connections, {load.big} rows of one, {load.small} of"
        f" most, one dead, one held, {load.senders} at once\n"
        f"  the last of the small ones was request {place_of_last} of {load.sent}:"
        f" {place_of_last / load.sent:.3f} of the drain\n"
        f"  {_seconds(mixed):.1f} s, {speed:.1f} a second, {speed / speed_alone:.2f} of one connection's"
        f" {speed_alone:.1f}\n"
        f"  peak memory {mixed.peak_mib:.0f} MiB (one connection: {alone.peak_mib:.0f}),"
        f" CPU {mixed.cpu_seconds / load.sent * 1000:.1f} ms per invite"
        f" (one connection: {alone.cpu_seconds / load.sent * 1000:.1f})\n"
        f"  at most {mixed.threads} threads and {mixed.databases} database connections"
    )


def _mixed(load: Load) -> tuple[Used, int]:
    """Drain the customers; return what it used, and after how many creates the small ones were through."""
    with stand_in(0, companies=load.connections) as place, database_url(load.database) as url:
        env = environment(url, place, senders=load.senders)
        with opened(env) as parts:
            for name, company in zip(load.names, count(FIRST_COMPANY)):
                connect(parts, name, company_id=str(company))
                add(parts, name, load.big if name == BIG else load.small)
            _kill(parts, DEAD)
            store.pause(parts.database, HELD)
        used = worker(
            env, "run-once", "push_invites", expect=ExitCode.NEEDS_AUTHORISATION, longest=LONGEST_SECONDS
        )
        return used, _place_of_last_small(load, place)


def _alone(load: Load) -> Used:
    with stand_in(0) as place, database_url(load.database) as url:
        env = environment(url, place, senders=load.senders)
        with opened(env) as parts:
            connect(parts, CONNECTION)
            add(parts, CONNECTION, load.sent)
        return worker(env, "run-once", "push_invites", longest=LONGEST_SECONDS)


def _kill(parts: Context, name: str) -> None:
    """Let an access token be over whose refresh token is none of Envoy's."""
    row = store.require(parts.database, name)
    assert row.id is not None
    over = datetime.now(UTC) - timedelta(minutes=1)
    refused = parts.vault.seal("revoked", connection_id=row.id, field="refresh")
    with parts.database.write() as connection:
        change(connection, CONNECTIONS.c.id == row.id, access_expires_at=over, refresh_token_enc=refused)


def _place_of_last_small(load: Load, place: StandIn) -> int:
    ledger = place.ledger()
    companies = [entry["company_id"] for entry in ledger["creates"]]
    if len(companies) != load.sent or ledger["duplicates"]:
        raise SystemExit("not every invite was created exactly once")
    big = str(FIRST_COMPANY + load.names.index(BIG))
    return max(number for number, company in enumerate(companies, 1) if company != big)


def _seconds(used: Used) -> float:
    return used.event("job.finished")["duration_ms"] / 1000


def main() -> None:
    """Read the command line and drain."""
    parser = argparse.ArgumentParser(prog="python -m bench.many", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--connections", type=int, default=500, choices=range(4, 5001), metavar="N")
    parser.add_argument("--big", type=int, default=50_000, metavar="N", help="rows of one connection")
    parser.add_argument("--small", type=int, default=10, metavar="N", help="rows of most connections")
    parser.add_argument("--senders", type=int, default=8, choices=range(1, 257), metavar="N")
    many(Load(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
