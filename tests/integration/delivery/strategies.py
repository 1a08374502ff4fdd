"""What may happen in the model of the whole, as Hypothesis draws it."""

from typing import Any

from hypothesis import strategies as st

from tests.integration.delivery.two_workers import LEASE_SECONDS, Circumstances, arrival
from worker.sandbox.faults import SHARES

# Elsewhere, what is done in between could meet a request that is under way: docs/delivery.md says why not.
SAFE_PLACES = st.sampled_from(["before_claim", "after_envoy_committed", "after_answer"])
MOST_VISITS = 3
WORKERS = st.sampled_from(["A", "B"])
PUSH_PLACES = st.sampled_from(
    [
        "before_claim",
        "after_intent",
        "before_connect",
        "after_bytes_written",
        "after_envoy_committed",
        "after_answer",
        "before_verdict_commit",
        "after_verdict_commit",
    ]
)
LOOK_PLACES = st.sampled_from(["before_look_up", "after_look_up", "after_look_up_commit"])
HOURS = st.integers(-9, 9).filter(bool)
WAITS = st.sampled_from([6, 0, 31, 2 * LEASE_SECONDS])
TROUBLES: list[dict[str, Any]] = [
    *({name: 1.0} for name in SHARES),  # of creates and updates
    *({name: 1.0, "only": "DELETE"} for name in SHARES),
    *({name: 0.5, "only": ""} for name in SHARES),
    *({"outage": outage} for outage in ("drop", "503")),
    {"page_cap": 1, "list_order": "shuffled"},
    {"page_cap": 1, "list_meta": "absent", "list_order": "reversed"},
    {"list_cut": 1},
    {"drop_after_share": 0.5, "names_shown": "decomposed"},
    {"drop_after_share": 0.5, "names_shown": "without_emoji"},
    *({"lost": form} for form in ("html", "json")),
    {"lost": "json", "lost_only": "POST /v1/invites, DELETE /v1/invites, GET /v1/invites"},
    {"lost": "json", "lost_only": "DELETE /v1/invites"},
]
MOODS: st.SearchStrategy[dict[str, Any]] = st.one_of(st.just({}), st.sampled_from(TROUBLES))
VALUES: dict[str, list[Any]] = {
    "wanted": ["absent", "present"],
    "notes": [None, "a", "b"],
    "expected_arrival_at": [arrival(day) for day in range(3)],
    "expected_departure_at": [None, arrival(3)],
    "invitee_email": [None, "a@example.com", "b@example.com"],
    "custom_fields": [None, '{"Company": "Example Ltd"}', '{"Badge": "7", "Company": "Example Ltd"}'],
    "location": ["Berlin", "Singapore"],
    "flow": [None, "Interview", "Delivery"],
    "send_email": [True, False],
}
ONE_CHANGE = st.sampled_from([{name: value} for name, values in VALUES.items() for value in values])
CHANGES = st.one_of(ONE_CHANGE, st.builds(lambda one, other: {**one, **other}, ONE_CHANGE, ONE_CHANGE))
CIRCUMSTANCES = st.builds(
    Circumstances,
    number=st.integers(0, MOST_VISITS - 1),
    columns=st.one_of(st.just({}), CHANGES),
    seconds=WAITS,
    mood=MOODS,
)
