from collections import Counter

from tests.torture.many_customers import BIG, DEAD, HELD, customers
from tests.torture.scale import scaled
from tests.workers import ForkedCommands
from worker.errors import ExitCode
from worker.settings.model import DRAWERS, REFRESHERS

CONNECTIONS = scaled(30, 500)
MOST_ROWS = scaled(1_500, 50_000)
ROWS = 10
CONCURRENCY, PREPARERS = 8, 4
BESIDE = 2  # the teller and the journal
POOL = 35  # of database connections: all stages and jobs, and of the senders those that met a trouble
FEW = 5  # the main thread, and what the interpreter and libraries may start


def test_neither_load_nor_trouble_of_one_customer_delays_the_others(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """All that the others have is sent within the first fifth of the drain; one process stays small.

    The dead grant costs one refused refresh, and the held connection no request at all.
    """
    small = [f"c-{number}" for number in range(CONNECTIONS - 3)]
    names = [*small, BIG, DEAD, HELD]
    with customers(
        forked_commands, database_url, names, WORKER_PUSH__CONCURRENCY=str(CONCURRENCY)
    ) as installation:
        for name in names:
            installation.hand_in(name, MOST_ROWS if name == BIG else ROWS)
        before = installation.sandbox.ledger()["requests"]

        worker = installation.launch("run-once", "push_invites")
        threads, connections = installation.most_used(worker)

        assert worker.wait() == ExitCode.NEEDS_AUTHORISATION, worker.output.read_text()[-2000:]
        ledger, places = installation.sandbox.ledger(), installation.places()
        left = installation.rows(
            "SELECT connection, count(*) AS number FROM delivery WHERE status <> 'sent'"
            " GROUP BY connection ORDER BY connection"
        )

    sent = MOST_ROWS + ROWS * len(small)
    last = max(place for name in small for place in places[name])
    counts.update(sent=sent, last_of_the_small=last, threads=threads, database_connections=connections)
    assert {name: len(places[name]) for name in names} == {
        **dict.fromkeys(small, ROWS), BIG: MOST_ROWS, DEAD: 0, HELD: 0,
    }  # fmt: skip
    assert last <= sent / 5
    assert left == [{"connection": DEAD, "number": ROWS}, {"connection": HELD, "number": ROWS}]
    assert ledger["duplicates"] == []
    assert ledger["requests"] - before == sent + 1
    assert 0 < threads <= CONCURRENCY + PREPARERS + BESIDE + DRAWERS + REFRESHERS + FEW
    assert 0 < connections <= POOL
