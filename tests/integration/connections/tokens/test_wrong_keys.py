"""Keys that sealed nothing of what is stored: every command says so before anything else happens."""

from tests.command_process import command_process
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint

NO_KEY = "WORKER_ENCRYPTION_KEYS: no key opens the stored tokens"
COMMANDS = ("run", "run-once", "connect initech", "connect acme", "keys rotate")


def test_keys_that_open_nothing_are_told_before_anybody_is_asked(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """Exit 78 from whatever would use a token; no URL is printed, nothing changes, nobody is held."""
    sqlite_worker.connect("acme", "1")
    sqlite_worker.connect("globex", "2")
    before = sqlite_worker.row("acme"), sqlite_worker.row("globex")

    with command_process() as process:
        said = [process.run(sqlite_worker.url, command) for command in COMMANDS]
        checked = process.run(sqlite_worker.url, "check")
        after = sqlite_worker.row("acme"), sqlite_worker.row("globex")
        process.run(sqlite_worker.url, "connections remove acme --yes")
        lost_for_good = process.run(sqlite_worker.url, "connections remove globex --yes")
        waits = process.run(sqlite_worker.url, "connect acme --timeout 1")

    assert [one.code for one in (*said, checked)] == [78] * (len(COMMANDS) + 1)
    assert all(NO_KEY in one.err and "put the key that sealed them back" in one.err for one in said)
    assert [one.out for one in said] == [""] * len(said)
    assert checked.out.count(f"FAIL {NO_KEY}") == 1
    assert after == before
    assert lost_for_good.code == 0
    assert (waits.code, "nobody authorised within 1 s" in waits.err) == (77, True)
