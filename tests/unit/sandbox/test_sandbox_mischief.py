"""Which request meets which of the sandbox's faults."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox import Faults
from worker.sandbox.faults import SHARES, faults_from_json
from worker.sandbox.mischief import Mischief
from worker.sandbox.refusals import Refused
from worker.sandbox.wire import Request

CREATE = Request("POST", "/v1/invites")


def mischief(faults: Faults, now: list[float] | None = None) -> Mischief:
    """Return mischief with these faults, and a clock that reads the list's only entry."""
    made = Mischief(clock=lambda: (now or [0.0])[0])
    made.set(faults)
    return made


def test_every_fault_travels_through_json() -> None:
    """What GET shows can be posted back and means the same."""
    faults = Faults(latency_seconds=0.5, retry_after=("1", None), outage="503", error_500_share=0.1, seed=7)

    assert faults_from_json(json.loads(json.dumps(faults.as_json()))) == faults


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"latency": 1},
        {"latency_seconds": "1"},
        {"latency_seconds": True},
        {"seed": 1.5},
        {"outage": "fire"},
        {"lost": "xml"},
        {"lost_status": 200},
        {"refuse_status": 200},
        {"html_200": 1},
        {"retry_after": [1]},
        {"error_500_share": 0.6, "drop_after_share": 0.6},
    ],
)
def test_a_fault_that_does_not_exist_or_fit_is_a_400(body: object) -> None:
    """A typo switches nothing on in silence."""
    with pytest.raises(Refused) as refused:
        faults_from_json(body)

    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("only", "lost"),
    [
        ("", ["POST /v1/invites", "POST /v1/invites/5", "GET /v1/locations", "DELETE /v1/invites/5"]),
        ("POST /v1/invites", ["POST /v1/invites", "POST /v1/invites/5"]),
        ("POST /v1/invites$", ["POST /v1/invites"]),
        ("DELETE /v1/invites/, GET /v1/loc", ["GET /v1/locations", "DELETE /v1/invites/5"]),
    ],
)
def test_a_gateway_loses_the_routes_that_are_named(only: str, lost: list[str]) -> None:
    """By the beginning of a request, or by the whole of it."""
    asked = ["POST /v1/invites", "POST /v1/invites/5", "GET /v1/locations", "DELETE /v1/invites/5"]
    losing = mischief(Faults(lost="html", lost_only=only))

    asked_for = {one: Request(one.split(" ")[0], one.split(" ")[1]) for one in asked}
    assert sorted(lost) == sorted(one for one, request in asked_for.items() if losing.loses(request))
    assert not mischief(Faults(lost_only=only)).loses(CREATE)


def test_a_refusal_of_everything_differs_in_its_numbers_only() -> None:
    """And it meets the writes of the companies that are named."""
    refusing = mischief(Faults(refuse_status=422, refuse_message="no {n}", refuse_companies="7"))

    for number in (1, 2):
        with pytest.raises(Refused) as refused:
            refusing.refuse_alike(CREATE, "7")
        assert (refused.value.status, refused.value.body) == (422, {"message": f"no {number}"})
    refusing.refuse_alike(CREATE, "8")
    refusing.refuse_alike(Request("GET", "/v1/invites"), "7")


def test_shares_divide_the_requests_as_announced() -> None:
    """Each fault meets about its share of the requests, and a request meets one at most."""
    drawing = mischief(Faults(error_429_share=0.1, drop_after_share=0.05, garbage_share=0.05))
    counts = Counter(drawing.draw(CREATE) for _ in range(10_000))

    assert abs(counts["error_429_share"] - 1000) < 150
    assert abs(counts["drop_after_share"] - 500) < 100
    assert abs(counts["garbage_share"] - 500) < 100
    assert abs(counts[""] - 8000) < 200


@given(st.sampled_from(SHARES))
def test_a_share_of_one_meets_every_request(share: str) -> None:
    """Each fault can be had with certainty."""
    drawing = mischief(faults_from_json({share: 1.0}))

    assert {drawing.draw(CREATE) for _ in range(20)} == {share}


@given(st.integers())
def test_the_same_seed_draws_the_same_faults(seed: int) -> None:
    """A run with faults can be repeated, by another sandbox or by setting the faults again."""
    faults = Faults(error_500_share=0.5, seed=seed)
    first, second = mischief(faults), mischief(faults)
    drawn = [first.draw(CREATE) for _ in range(20)]
    first.set(faults)

    assert [second.draw(CREATE) for _ in range(20)] == drawn
    assert [first.draw(CREATE) for _ in range(20)] == drawn


def test_the_shares_leave_other_requests_alone() -> None:
    """By default only writes of invites meet them; with an empty prefix everything does."""
    read = Request("GET", "/v1/locations")

    assert mischief(Faults(error_500_share=1)).draw(read) == ""
    assert mischief(Faults(error_500_share=1, only="")).draw(read) == "error_500_share"


def test_the_bucket_of_a_company_drains_with_time() -> None:
    """Two a second are let in, the third is refused, and half a second later one more is let in."""
    now = [50.0]
    pacing = mischief(Faults(rate_limit_per_second=2), now)
    pacing.admit("10000")
    pacing.admit("10000")

    with pytest.raises(Refused) as refused:
        pacing.admit("10000")
    pacing.admit("10001")
    now[0] += 0.5
    pacing.admit("10000")

    assert refused.value.status == 429


def test_the_forms_of_retry_after_take_turns() -> None:
    """Seconds, an HTTP date, no header and nonsense follow each other and begin again."""
    turns = mischief(Faults(retry_after=("1", "date:5", None, "soon")))
    sent = [turns.too_many().headers.get("Retry-After") for _ in range(5)]

    assert [sent[0], *sent[2:]] == ["1", None, "soon", "1"]
    assert str(sent[1]).endswith("GMT")


def test_the_next_n_token_answers_are_lost() -> None:
    """The count runs down to none."""
    losing = mischief(Faults(token_drop_after=2))

    assert [losing.drops_token() for _ in range(4)] == [True, True, False, False]


def test_a_company_alone_can_be_sick() -> None:
    """Faults that name a company meet its requests only, and draw nothing for the others."""
    drawing = mischief(Faults(error_500_share=1, company="10003"))

    assert drawing.draw(CREATE, "10003") == "error_500_share"
    assert drawing.draw(CREATE, "10004") == ""
    assert mischief(Faults(error_500_share=1)).draw(CREATE, "10004") == "error_500_share"
