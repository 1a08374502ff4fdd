"""What it costs to start: ``--help``, and ``run-once`` with nothing due; CPU, the median of five."""

from statistics import median

from bench.measuring import Used, worker
from bench.stand_in import stand_in
from bench.workplace import database_url, environment, prepare

ROUNDS = 5


def startup() -> None:
    """Start both commands some times and print the medians."""
    with stand_in(0) as place, database_url("sqlite") as url:
        env = environment(url, place, senders=8)
        prepare(env, invites=0)
        for arguments in (["--help"], ["run-once"]):
            _tell(arguments, [worker(env, *arguments) for _ in range(ROUNDS)])


def _tell(arguments: list[str], rounds: list[Used]) -> None:
    cpu = median(used.cpu_seconds for used in rounds)
    wall = median(used.seconds for used in rounds)
    peak = max(used.peak_mib for used in rounds)
    print(f"{' '.join(arguments)}: CPU {cpu:.2f} s, {wall:.2f} s by the clock, peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    startup()
