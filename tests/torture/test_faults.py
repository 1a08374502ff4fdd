import json
from collections import Counter

from tests.torture.exactly_once import REFUSED, require_exactly_once, require_one_story
from tests.torture.fast_installation import SCOPES, ended, prepared
from tests.torture.scale import SEED, scaled
from tests.workers import ForkedCommands
from worker.sandbox import Faults

INVITES = scaled(100, 2000)
PATIENCE = scaled(90, 900)
FAULTS = Faults(
    latency_seconds=0.02,
    drop_after_share=0.05,
    error_500_share=0.05,
    garbage_share=0.05,
    error_429_share=0.1,
    retry_after=("1", None, "date:1", "soon", "0.3"),
    page_cap=2,
    list_order="reversed",
    names_shown="decomposed",
    seed=SEED,
)


def test_one_request_in_four_goes_wrong_and_each_invite_is_sent_exactly_once(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """Answers lost, garbled, 500 and 429, short pages: with invites.read it settles without a person."""
    with prepared(forked_commands, database_url, faults=FAULTS) as installation:
        installation.add(INVITES)
        with ended(installation.services(1)):
            installation.settle(PATIENCE)
        counts.update(require_exactly_once(installation, not_carried_out=REFUSED))


def test_without_the_right_to_look_nothing_is_sent_twice_and_every_doubt_is_told(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """The same faults without invites.read: what is in doubt waits for a person, and `status` says so."""
    with prepared(
        forked_commands, database_url, {"WORKER_ENVOY__SCOPES": json.dumps(SCOPES)}, faults=FAULTS
    ) as installation:
        installation.add(INVITES)
        with ended(installation.services(1)):
            installation.wait_for(lambda: set(installation.statuses()) == {"sent", "unknown"}, PATIENCE)
        told = installation.told("status", "--json")
        statuses = installation.statuses()
        ledger = installation.sandbox.ledger()
        counts.update(require_one_story(installation, ledger["creates"], REFUSED))

    unknown = statuses["unknown"]
    assert unknown == counts["doubtful"] > 0
    assert ledger["duplicates"] == []
    assert statuses["sent"] + counts["doubtful_and_in_envoy"] == len(ledger["creates"])
    assert told["invites"]["unknown"] == unknown
    assert len(set(told["unknown"])) == unknown
