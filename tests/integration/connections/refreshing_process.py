"""A process of its own that refreshes a connection: once when told to, or as fast as it can; also beside."""

import os
import sys
from collections.abc import Callable

from worker.clock import boot_clock
from worker.connections.tokens.access import AccessToken, Tokens
from worker.connections.vault import Vault
from worker.database import Database
from worker.database.owner import this_process
from worker.envoy.http.client import HttpClient
from worker.envoy.oauth import ClientCredentials, OAuth
from worker.errors import TryLater


def main(mode: str) -> None:
    """Wait for a line on stdin, then get tokens; the last line of stdout says how many."""
    env = os.environ
    connection = int(env["CHILD_CONNECTION"])
    with HttpClient(max_connections=4, user_agent="tests") as http:
        oauth = OAuth(
            http,
            ClientCredentials("sandbox-client", "sandbox-secret"),
            authorize_url=env["CHILD_TOKEN_URL"],
            token_url=env["CHILD_TOKEN_URL"],
        )
        database = Database(env["CHILD_DATABASE"])
        tokens = Tokens(database, Vault(env["CHILD_KEY"]), oauth, owner=this_process())
        sys.stdin.readline()
        what, _, beside = mode.partition("-")
        ask = tokens.soon if beside else tokens.access
        if what == "once":
            ask(connection, rejected_version=1)
            given = 1
        else:
            given = _as_fast_as_it_can(ask, connection, float(what))
        tokens.close()
        sys.stdout.write(f"{given}\n")
        database.dispose()


def _as_fast_as_it_can(ask: Callable[[int], AccessToken], connection: int, seconds: float) -> int:
    begun, given = boot_clock(), 0
    while boot_clock() - begun < seconds:
        try:
            ask(connection)
        except TryLater:
            continue
        given += 1
    return given


if __name__ == "__main__":
    main(sys.argv[1])
