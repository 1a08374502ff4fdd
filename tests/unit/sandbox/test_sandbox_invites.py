"""The invites that the sandbox holds, and how they must agree with its directory."""

from collections.abc import Callable

import pytest

from worker.sandbox.invites import Held
from worker.sandbox.pages import overview_page
from worker.sandbox.refusals import Refused
from worker.sandbox.state import State
from worker.sandbox.values import Record

COMPANY = "10000"
LEAST: Record = {
    "expectedArrivalAt": "2026-03-02T15:00:00Z",
    "locationId": "100001",
    "invitee": {"name": "Test Visitor", "email": "visitor@example.com"},
}


def create(state: State, **changes: object) -> Held:
    """Create the least invite with these changes."""
    return state.invites.create(COMPANY, {**LEAST, **changes})


def status_of(call: Callable[[], object]) -> int:
    """Return the status that a call is refused with."""
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.status


def test_equal_creates_make_two_invites() -> None:
    """Like Envoy, the sandbox knows no repeat: each create gets an id of its own."""
    state = State()

    assert [create(state).data["id"], create(state).data["id"]] == ["40000001", "40000002"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"locationId": "999"}, 404),
        ({"flowId": "999"}, 404),
        ({"hostEmployeeId": "999"}, 404),
        ({"locationId": "100004"}, 422),
        ({"flowId": "200004"}, 422),
        ({"flowId": "200011"}, 422),
        ({"hostEmployeeId": "300003"}, 422),
        ({"expectedDepartureAt": "2026-03-02T14:00:00Z"}, 422),
    ],
)
def test_a_visit_that_does_not_fit_is_refused(changes: Record, status: int) -> None:
    """Unknown is 404; disabled, of another location, or departing before arrival is 422."""
    state = State()

    assert status_of(lambda: create(state, **changes)) == status
    assert state.invites.all() == []


def test_a_global_flow_serves_every_location() -> None:
    """A flow without location agrees with any."""
    state = State()

    assert create(state, flowId="200010", locationId="100003").data["flowId"] == "200010"


def test_without_a_flow_the_location_s_first_one_is_taken() -> None:
    """Envoy picks a default flow; a location without its own gets the global one."""
    state = State()
    content = {"name": "New York", "enabled": True}
    bare = state.directory.add(COMPANY, "locations", content)["id"]

    assert create(state, locationId="100002").data["flowId"] == "200004"
    assert create(state, locationId=bare).data["flowId"] == "200010"


def test_an_update_changes_only_what_it_names() -> None:
    """Other fields stay; the invitee's e-mail stays when only the name is sent."""
    state = State()
    made = create(state, notes="ring twice").data["id"]
    data = state.invites.update(COMPANY, made, {"invitee": {"name": "Other"}}).data

    assert data["invitee"] == {"name": "Other", "email": "visitor@example.com"}
    assert data["notes"] == "ring twice"


def test_an_update_must_fit_together_with_what_stays() -> None:
    """Moving a visit to another location is refused while it keeps the old location's flow."""
    state = State()
    made = create(state, flowId="200001").data["id"]

    assert status_of(lambda: state.invites.update(COMPANY, made, {"locationId": "100002"})) == 422
    assert state.invites.get(COMPANY, made).data["locationId"] == "100001"


def test_a_removed_invite_is_gone() -> None:
    """The second removal, like an update or a removal by another company, is a 404."""
    state = State(companies=2)
    made = create(state).data["id"]

    assert status_of(lambda: state.invites.remove("10001", made)) == 404
    state.invites.remove(COMPANY, made)
    assert status_of(lambda: state.invites.remove(COMPANY, made)) == 404


def test_an_invite_of_a_flow_with_approval_waits() -> None:
    """Such an invite is created as PENDING, all others as APPROVED."""
    state = State()
    state.directory.companies[COMPANY].approval_flows.add("200002")

    assert create(state, flowId="200002").data["approvalStatus"] == "PENDING"
    assert create(state, flowId="200001").data["approvalStatus"] == "APPROVED"


def test_any_approval_can_be_ordered() -> None:
    """It stands in place of the flow's, for creates and updates; without an order the flow decides again."""
    state = State()

    made = state.invites.create(COMPANY, LEAST, approval="DENIED").data

    assert made["approvalStatus"] == "DENIED"
    changed = state.invites.update(COMPANY, made["id"], {"notes": "x"}, approval="AWAITING_REVIEW")
    assert changed.data["approvalStatus"] == "AWAITING_REVIEW"
    assert state.invites.update(COMPANY, made["id"], {"notes": "y"}).data["approvalStatus"] == "APPROVED"


def test_a_read_lags_behind_a_create() -> None:
    """Within the lag an invite is neither listed nor found by its id; afterwards it is."""
    now = [1000.0]
    state = State(clock=lambda: now[0])
    made = create(state).data["id"]

    assert state.invites.listed(COMPANY, 5) == []
    assert status_of(lambda: state.invites.shown(COMPANY, made, 5)) == 404
    now[0] += 5
    assert [data["id"] for data in state.invites.listed(COMPANY, 5)] == [made]
    assert state.invites.shown(COMPANY, made, 5)["id"] == made


def test_companies_have_ids_of_their_own() -> None:
    """The second company's offices are named alike and share no id with the first's."""
    directory = State(companies=2).directory
    first, second = (directory.records(company, "locations") for company in directory.companies)

    assert [one["name"] for one in first] == [one["name"] for one in second]
    assert {one["id"] for one in first}.isdisjoint(one["id"] for one in second)


def test_the_page_escapes_what_visitors_are_called() -> None:
    """A name that is markup shows as text."""
    state = State()
    create(state, invitee={"name": "<script>alert(1)</script>", "email": "a&b@example.com"})
    page = overview_page(state).decode()

    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a&amp;b@example.com" in page
