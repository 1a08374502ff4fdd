import json
from collections import Counter

from tests.torture.ground import SCOPES, ended, prepared
from tests.torture.judging import REFUSED, require_exactly_once, require_one_story
from tests.torture.scale import SEED, scaled
from tests.workers import Zygote
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
    database_url: str, zygote: Zygote, counts: Counter[str]
) -> None:
    """Answers lost, garbled, 500 and 429, short pages: with invites.read it settles without a person."""
    with prepared(zygote, database_url, faults=FAULTS) as ground:
        ground.add(INVITES)
        with ended(ground.services(1)):
            ground.settle(PATIENCE)
        counts.update(require_exactly_once(ground, not_carried_out=REFUSED))


def test_without_the_right_to_look_nothing_is_sent_twice_and_every_doubt_is_told(
    database_url: str, zygote: Zygote, counts: Counter[str]
) -> None:
    """The same faults without invites.read: what is in doubt waits for a person, and `status` says so."""
    with prepared(
        zygote, database_url, {"WORKER_ENVOY__SCOPES": json.dumps(SCOPES)}, faults=FAULTS
    ) as ground:
        ground.add(INVITES)
        with ended(ground.services(1)):
            ground.wait_for(lambda: set(ground.statuses()) == {"sent", "unknown"}, PATIENCE)
        told = ground.told("status", "--json")
        statuses = ground.statuses()
        ledger = ground.sandbox.ledger()
        counts.update(require_one_story(ground, ledger["creates"], REFUSED))

    unknown = statuses["unknown"]
    assert unknown == counts["doubtful"] > 0
    assert ledger["duplicates"] == []
    assert statuses["sent"] + counts["doubtful_and_in_envoy"] == len(ledger["creates"])
    assert told["invites"]["unknown"] == unknown
    assert len(set(told["unknown"])) == unknown
