"""Keys that sealed nothing of what is stored: every command says so before anything else happens."""

from tests.integration.commands import commands
from tests.integration.connections.support import House

NO_KEY = "WORKER_ENCRYPTION_KEYS: no key opens the stored tokens"
COMMANDS = ("run", "run-once", "connect initech", "connect acme", "keys rotate")


def test_keys_that_open_nothing_are_told_before_anybody_is_asked(small_house: House) -> None:
    """Exit 78 from whatever would use a token; no URL is printed, nothing changes, nobody is held."""
    small_house.connect("acme", "1")
    small_house.connect("globex", "2")
    before = small_house.row("acme"), small_house.row("globex")

    with commands() as session:
        said = [session.run(small_house.url, command) for command in COMMANDS]
        checked = session.run(small_house.url, "check")
        after = small_house.row("acme"), small_house.row("globex")
        session.run(small_house.url, "connections remove acme --yes")
        lost_for_good = session.run(small_house.url, "connections remove globex --yes")
        waits = session.run(small_house.url, "connect acme --timeout 1")

    assert [one.code for one in (*said, checked)] == [78] * (len(COMMANDS) + 1)
    assert all(NO_KEY in one.err and "put the key that sealed them back" in one.err for one in said)
    assert [one.out for one in said] == [""] * len(said)
    assert checked.out.count(f"FAIL {NO_KEY}") == 1
    assert after == before
    assert lost_for_good.code == 0
    assert (waits.code, "nobody authorised within 1 s" in waits.err) == (77, True)
