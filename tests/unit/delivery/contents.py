"""Contents of invites, and what an update makes of them in Envoy."""

from typing import Any

from hypothesis import strategies as st

from worker.delivery.sent_content import Content

PLAIN: Content = {
    "expectedArrivalAt": "2030-01-11T09:00:00Z",
    "locationId": "100",
    "invitee": {"name": "Ann Example"},
    "sendEmailToInvitee": False,
}
OPTIONAL = st.fixed_dictionaries(
    {},
    optional={
        "notes": st.sampled_from(["a", "b"]),
        "flowId": st.sampled_from(["200", "201"]),
        "hostEmployeeId": st.sampled_from(["300", "301"]),
        "expectedDepartureAt": st.just("2030-01-11T10:00:00Z"),
        "customFields": st.just([{"field": "Company", "value": "Example Ltd"}]),
        "sendEmailToInvitee": st.booleans(),
    },
)
INVITEES = st.sampled_from([{"name": "Ann"}, {"name": "Ann", "email": "ann@example.com"}])
CONTENTS = st.builds(lambda optional, invitee: {**PLAIN, **optional, "invitee": invitee}, OPTIONAL, INVITEES)


def carried_out(before: Content, body: Content) -> dict[str, Any]:
    """Return what Envoy has after an update, whose invitee is merged, as the most careless API would."""
    merged = {**before, **body, "invitee": {**before["invitee"], **body.get("invitee", {})}}
    invitee = {key: value for key, value in merged["invitee"].items() if value is not None}
    return {key: value for key, value in {**merged, "invitee": invitee}.items() if value not in (None, [])}
