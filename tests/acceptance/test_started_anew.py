"""Commands as an operator starts them: each in an interpreter of its own, which has imported nothing yet."""

import pytest

from tests.installation import PATIENCE_SECONDS, Installation

COMMANDS = {
    "check": "ok   acme: Envoy answers",
    "connections show acme": "status:                 active",
    "directory locations": "Berlin",
    "invites list": "acme/v-0\tpending",
    "invites show acme/v-0": "status:                 pending",
    "invites withdraw acme/v-0": "acme/v-0",
    "keys rotate": "0 connections re-encrypted",
    "run-once prune_history --dry-run": "prune_history: nothing to do",
    "status": "1 pending",
}


@pytest.fixture
def waiting(small_connected: Installation) -> Installation:
    """Give an installation with an invite that is due."""
    small_connected.add(1)
    return small_connected


def test_each_command_finds_what_it_imports_by_itself(waiting: Installation) -> None:
    """Where all is imported already, as in the other tests, a module that lacks an import would work."""
    ended = {}
    for command in COMMANDS:
        process = waiting.start_anew(*command.split())
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        ended[command] = (process.returncode, out, err)

    assert {command: code for command, (code, _, _) in ended.items()} == dict.fromkeys(COMMANDS, 0), ended
    assert [command for command, said in COMMANDS.items() if said not in ended[command][1]] == [], ended
