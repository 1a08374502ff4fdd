"""Drain pending invites as fast as Envoy lets us: ``python -m bench.drain --help``.

Ideal is what so many senders could do if nothing but Envoy's own latency took time.
"""

import argparse
from dataclasses import dataclass

from bench.measuring import Used, worker
from bench.naive import send_all
from bench.stand_in import stand_in
from bench.workplace import database_url, environment, prepare

MOST_INVITES = 100_000
MOST_NAIVE, MOST_BARE = 100, 1000


@dataclass(frozen=True, slots=True)
class Load:
    """What is drained, and by how many senders; latency in seconds."""

    database: str = "sqlite"
    invites: int = 1000
    latency: float = 0.05
    senders: int = 8

    @property
    def ideal(self) -> float:
        """Invites per second if only the latency took time."""
        return self.senders / self.latency


def drain(load: Load) -> None:
    """Drain once, and print speed, memory, CPU and duplicates, with a naive loop beside it."""
    with stand_in(load.latency) as place, database_url(load.database) as url:
        env = environment(url, place, senders=load.senders)
        prepare(env, invites=load.invites)
        used = worker(env, "run-once", "push_invites")
        ledger = place.ledger()
        naive = send_all(place, min(load.invites, MOST_NAIVE))
        bare = send_all(place, min(load.invites, MOST_BARE), threads=load.senders)
    _tell(load, used, naive=naive, bare=bare)
    created, twice = len(ledger["creates"]), len(ledger["duplicates"])
    print(f"  in the sandbox's ledger: {created} created, {twice} of them twice")
    if (created, twice) != (load.invites, 0):
        raise SystemExit("not every invite was created exactly once")


def _tell(load: Load, used: Used, *, naive: float, bare: float) -> None:
    speed = load.invites / (used.event("job.finished")["duration_ms"] / 1000)
    with_start = load.invites / used.seconds
    cpu = used.cpu_seconds / load.invites * 1000
    size = f"{load.invites} invites, {load.latency * 1000:g} ms, {load.senders} senders"
    print(
        f"drain, {load.database}: {size}\n"
        f"  {speed:.1f} a second, {speed / load.ideal:.2f} of the ideal {load.ideal:.0f}\n"
        f"  {with_start:.1f} a second with the process's start and end\n"
        f"  {speed / bare:.2f} of as many threads that store nothing ({bare:.1f} a second)\n"
        f"  {speed / naive:.1f} times one such thread ({naive:.1f} a second)\n"
        f"  peak memory {used.peak_mib:.0f} MiB, CPU {cpu:.1f} ms per invite"
    )


def main() -> None:
    """Read the command line and drain."""
    parser = argparse.ArgumentParser(prog="python -m bench.drain", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--invites", type=int, default=1000, choices=range(1, MOST_INVITES + 1), metavar="N")
    parser.add_argument("--latency", type=float, default=0.05, help="of the sandbox, in seconds")
    parser.add_argument("--senders", type=int, default=8, choices=range(1, 257), metavar="N")
    drain(Load(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
