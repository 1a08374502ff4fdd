"""A gateway before Envoy lost its routes: it answers 404 and the like itself, and executes nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests import worker_rows
from tests.integration.delivery.conftest import READING_SCOPES, MakeWorker
from tests.integration.delivery.doubtful_creates import ARRIVAL
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.sandbox import Faults

# All under /v1, or all that has to do with invites while locations are answered.
LOST = [
    {"lost": "html"},
    {"lost": "json"},
    {"lost": "json", "lost_status": 410, "lost_only": "POST /v1/invites, DELETE /v1/, GET /v1/invites"},
    {"lost": "html", "lost_status": 405, "lost_only": "POST /v1/invites, DELETE /v1/"},
]


def day(number: int) -> str:
    """Return a time of arrival, so many days after the first one."""
    return (ARRIVAL + timedelta(days=number)).isoformat()


def three_visits(worker: WorkerWithSandbox) -> None:
    """Have one visit that is to be created, one that is to be updated, and one that is to be removed."""
    for number, name in enumerate(("changed", "unwanted", "kept")):
        worker.add(name, expected_arrival_at=day(number))
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'changed'")
    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'unwanted'")
    worker.add("new", expected_arrival_at=day(5))


def agree(worker: WorkerWithSandbox) -> None:
    """Require that Envoy has what the table says, each once, and that nothing was sent twice for it."""
    held = {one["invitee"]["name"].removeprefix("Visitor "): one for one in worker.sandbox.invites()}
    assert sorted(held) == ["changed", "kept", "new"]
    assert held["changed"]["notes"] == "b"
    assert len(worker.sandbox.ledger()["creates"]) == 4
    stands = {row["external_id"]: row for row in worker.rows("SELECT * FROM delivery")}
    assert {name: row["status"] for name, row in stands.items()} == {
        "changed": "sent", "unwanted": "withdrawn", "kept": "sent", "new": "sent",
    }  # fmt: skip
    assert {name: row["id"] for name, row in held.items()} == {
        name: stands[name]["envoy_invite_id"] for name in held
    }


def later(worker: WorkerWithSandbox) -> None:
    """Let all waits and holds be over, and push."""
    worker.make_due()
    worker.let_holds_end()
    worker.push()


@pytest.mark.parametrize("faults", LOST)
def test_what_a_gateway_answers_is_no_verdict_on_any_row(
    recreating_worker: WorkerWithSandbox, faults: dict[str, Any]
) -> None:
    """Every row waits and keeps its id; when the routes are back, Envoy is as the table says."""
    three_visits(recreating_worker)
    ids = {
        row["external_id"]: row["envoy_invite_id"] for row in recreating_worker.rows("SELECT * FROM delivery")
    }
    recreating_worker.sandbox.set_faults(Faults(**faults))

    counts = [recreating_worker.push().counts]
    for _ in range(3):
        recreating_worker.make_due()
        recreating_worker.let_holds_end()
        counts.append(recreating_worker.push().counts)

    assert not any(one["rejected"] or one["withdrawn"] or one["unknown"] for one in counts)
    stands = recreating_worker.rows("SELECT * FROM delivery")
    assert {row["external_id"]: row["envoy_invite_id"] for row in stands} == ids
    assert {row["status"] for row in stands} == {"pending", "sent"}
    recreating_worker.sandbox.set_faults(Faults())
    for _ in range(2):
        later(recreating_worker)
    agree(recreating_worker)


@pytest.mark.parametrize(
    ("only", "form"),
    [("POST /v1/invites$", "json"), ("POST /v1/invites/", "html"), ("DELETE /v1/invites/", "json")],
)
def test_a_single_lost_route_rejects_nobody_where_invites_may_not_be_read(
    worker: WorkerWithSandbox, only: str, form: str
) -> None:
    """Locations are answered all the while; only a write of the same kind says that its route is there."""
    three_visits(worker)
    worker.sandbox.set_faults(Faults(lost=form, lost_only=only))

    for _ in range(3):
        later(worker)

    assert worker.rows("SELECT 1 FROM delivery WHERE status NOT IN ('pending', 'sent', 'withdrawn')") == []
    worker.sandbox.set_faults(Faults())
    for _ in range(2):
        later(worker)
    agree(worker)


def test_a_row_that_waits_for_a_lost_route_waits_longer_each_time(worker: WorkerWithSandbox) -> None:
    """No attempt is counted, the wait is stored and grows, and the connection is held in the end."""
    worker.add()
    worker.sandbox.set_faults(Faults(lost="json", lost_only="POST /v1/invites$"))

    for number in range(1, 4):
        later(worker)
        assert (worker.delivery()["deferrals"], worker.delivery()["attempts"]) == (number, 0)


def test_many_that_nothing_proves_hold_their_connection(worker: WorkerWithSandbox) -> None:
    """A route that stays lost costs a few requests after each growing hold, however many rows wait for it."""
    for number in range(30):
        worker.add(f"v-{number}", expected_arrival_at=day(number))
    worker.sandbox.set_faults(Faults(lost="json", lost_only="POST /v1/invites$"))

    worker.push()

    assert worker.rows("SELECT hold_reason FROM connection") == [{"hold_reason": "outage"}]
    assert sum(worker.sandbox.ledger()["by_route"]["POST /v1/invites"].values()) < 15


def refuse(worker: WorkerWithSandbox, key: str = "bad", **columns: str) -> None:
    """Add a visit whose host Envoy does not have."""
    worker.add(key, host_employee_id="999999", **columns)


def test_a_true_404_rejects_its_row_once_a_known_invite_was_read(
    worker_with_invite: WorkerWithSandbox,
) -> None:
    """In one run: Envoy's own JSON; after it a location list and a known invite are answered; and again."""
    refuse(worker_with_invite)

    assert worker_with_invite.push().counts["rejected"] == 1

    assert worker_with_invite.delivery("bad")["error_code"] == "not_found"
    routes = worker_with_invite.sandbox.ledger()["by_route"]
    assert routes["GET /v1/invites/{id}"] == {"200": 1}


def test_one_probe_serves_all_refusals_before_it(worker_with_invite: WorkerWithSandbox) -> None:
    """Twenty rows that were refused at once do not ask twenty times."""
    for number in range(20):
        refuse(worker_with_invite, f"bad-{number}", expected_arrival_at=day(number))
    before = worker_with_invite.reads()

    assert worker_with_invite.push().counts["rejected"] == 20

    assert worker_with_invite.reads() - before < 20


def test_a_true_404_rejects_its_row_once_another_write_went_through(worker: WorkerWithSandbox) -> None:
    """Without the right to read invites, a create that Envoy took since says that the route is there."""
    worker.add("before")
    worker.push()
    refuse(worker)
    for _ in range(2):
        later(worker)
        assert worker.delivery("bad")["status"] == "pending", "the route may have been lost since"

    worker.add("since", expected_arrival_at=day(1))
    worker.push()
    worker.make_due()

    assert worker.push().counts["rejected"] == 1
    assert worker.delivery("bad")["error_code"] == "not_found"


def test_moments_that_lie_ahead_came_from_a_wrong_clock(worker_with_invite: WorkerWithSandbox) -> None:
    """They neither keep a row waiting until then, nor prove anything."""
    worker, ahead = worker_with_invite, "2999-01-01T00:00:00.000Z"
    refuse(worker)
    worker.sandbox.set_faults(Faults(lost="json", lost_only="GET /v1/, POST /v1/invites$"))
    worker.push()
    worker_rows.set_connection(worker, probed_at=ahead, known_read_at=ahead)
    later(worker)
    assert worker.delivery("bad")["status"] == "pending"
    worker_rows.set_delivery(worker, "bad", refused_at=ahead)
    worker.sandbox.set_faults(Faults())

    later(worker)

    assert worker.delivery("bad")["status"] == "rejected"


def test_a_location_that_envoy_has_not_any_more_rejects_the_first_row_of_a_customer(
    worker: WorkerWithSandbox,
) -> None:
    """Nobody else's write is waited for: the locations are read again, and the row's is not among them."""
    (connection,) = worker.rows("SELECT id FROM connection")
    worker_rows.add_location(worker, connection["id"], "999", "Gone")
    worker.add(location="Gone")

    assert worker.push().counts["rejected"] == 1

    assert worker.delivery()["error_code"] == "location_unknown"


def test_a_removal_is_done_only_where_the_invite_is_known_to_be_gone(
    worker_with_invite: WorkerWithSandbox,
) -> None:
    """Envoy says 404 to the invite itself, and lists another one at its place but not this one."""
    worker_with_invite.add("gone", expected_arrival_at=day(3))
    worker_with_invite.push()
    worker_with_invite.sandbox.delete_invite(worker_with_invite.delivery("gone")["envoy_invite_id"])
    worker_with_invite.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'gone'")

    worker_with_invite.push()

    stands = worker_with_invite.delivery("gone")
    assert (stands["status"], stands["envoy_invite_id"]) == ("withdrawn", None)
    routes = worker_with_invite.sandbox.ledger()["by_route"]
    assert routes["GET /v1/invites/{id}"]["404"] == 1
    assert routes["GET /v1/invites"]["200"] >= 2


def test_another_answer_makes_what_was_found_out_worthless(worker_with_invite: WorkerWithSandbox) -> None:
    """A removal that was refused, and then met a fault, is proven again when it is refused again."""
    worker = worker_with_invite
    worker.add("gone", expected_arrival_at=day(3))
    worker.push()
    worker.sandbox.delete_invite(worker.delivery("gone")["envoy_invite_id"])
    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'gone'")
    worker.push(limit=1)
    assert worker.delivery("gone")["gone_at"] is not None
    worker.sandbox.set_faults(Faults(error_500_share=1.0, only="DELETE /v1/invites/"))
    worker.push(limit=1)
    worker.sandbox.set_faults(Faults())
    worker.make_due()

    assert worker.push(limit=1).counts["deferred"] == 1

    assert worker.push().counts["withdrawn"] == 1
    assert worker.sandbox.ledger()["by_route"]["GET /v1/invites/{id}"]["404"] == 2


def break_get(worker: WorkerWithSandbox, envoy_id: str) -> None:
    """Let a gateway lose the route of one invite."""
    worker.sandbox.set_faults(
        Faults(lost="json", lost_only=f"DELETE /v1/invites/{envoy_id}, GET /v1/invites/{envoy_id}")
    )


def test_an_invite_that_a_list_still_shows_is_not_gone(worker_with_invite: WorkerWithSandbox) -> None:
    """Though the removal and the read of it were answered 404, and another removal went through: it waits."""
    worker_with_invite.add("there", expected_arrival_at=day(3))
    worker_with_invite.add("other", expected_arrival_at=day(4))
    worker_with_invite.push()
    envoy_id = worker_with_invite.delivery("there")["envoy_invite_id"]
    break_get(worker_with_invite, envoy_id)
    worker_with_invite.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'there'")

    for _ in range(3):
        later(worker_with_invite)
        stands = worker_with_invite.delivery("there")
        assert (stands["status"], stands["envoy_invite_id"]) == ("pending", envoy_id)
        worker_with_invite.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'other'")

    worker_with_invite.sandbox.set_faults(Faults())
    later(worker_with_invite)
    assert worker_with_invite.delivery("there")["status"] == "withdrawn"
    assert len(worker_with_invite.sandbox.invites()) == 1


def test_a_removal_without_the_right_to_read_needs_another_that_went_through(
    worker: WorkerWithSandbox,
) -> None:
    """An update that went through does not do: a gateway may block one method."""
    for number, name in enumerate(("gone", "changed", "other")):
        worker.add(name, expected_arrival_at=day(number))
    worker.push()
    envoy_id = worker.delivery("gone")["envoy_invite_id"]
    worker.sandbox.delete_invite(envoy_id)
    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'gone'")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'changed'")
    worker.push()
    later(worker)
    stands = worker.delivery("gone")
    assert (stands["status"], stands["envoy_invite_id"]) == ("pending", envoy_id)

    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'other'")
    worker.push()
    worker.sandbox.delete_invite(worker.delivery("changed")["envoy_invite_id"])
    worker.execute("UPDATE invite SET wanted = 'absent' WHERE external_id = 'changed'")
    for _ in range(3):
        later(worker)

    assert worker.delivery("gone")["status"] == "withdrawn"
    assert worker.delivery("changed")["status"] == "pending", "a 404 is no write that went through"


def test_a_removal_that_nothing_proves_is_left_for_a_person_when_the_visit_is_over(
    worker: WorkerWithSandbox,
) -> None:
    """It does not wait for ever, and its id is kept until somebody has looked into Envoy."""
    worker.add()
    worker.push()
    envoy_id = worker.delivery()["envoy_invite_id"]
    worker.sandbox.delete_invite(envoy_id)
    worker.execute("UPDATE invite SET wanted = 'absent', expected_arrival_at = '2020-03-01T09:00:00Z'")

    with capture_logs() as logs:
        for _ in range(2):
            later(worker)

    assert (worker.delivery()["status"], worker.delivery()["envoy_invite_id"]) == ("rejected", envoy_id)
    (event,) = (log for log in logs if log["event"] == "invite.rejected")
    assert event["error_code"] == "not_found"
    assert "invites resolve acme/v-1 --resend" in event["hint"]


def test_a_change_of_the_row_begins_its_refusals_anew(worker_with_invite: WorkerWithSandbox) -> None:
    """What was refused is not what is sent now."""
    worker = worker_with_invite
    worker.add("other", expected_arrival_at=day(4))
    worker.sandbox.set_faults(Faults(lost="json", lost_only="POST /v1/invites$, GET /v1/locations"))
    worker.push()
    worker.sandbox.set_faults(Faults())
    worker.execute("UPDATE invite SET notes = 'x' WHERE external_id = 'other'")

    later(worker)

    assert worker.delivery("other")["status"] == "sent"


def test_a_lost_list_leaves_a_doubtful_create_to_a_later_look(worker_with_invite: WorkerWithSandbox) -> None:
    """It is no refusal of the query: the row does not wait for a person."""
    worker = worker_with_invite
    worker.add()
    worker.sandbox.set_faults(Faults(drop_after_share=1.0))
    worker.push()
    worker.sandbox.set_faults(Faults(lost="json", lost_only="GET /v1/"))
    for _ in range(2):
        worker.make_looks_due()
        worker.let_holds_end()
        worker.reconcile()
    assert worker.delivery()["next_attempt_at"] is not None

    worker.sandbox.set_faults(Faults())
    worker.make_looks_due()
    worker.make_due()
    worker.let_holds_end()
    worker.reconcile()

    assert worker.delivery()["status"] == "sent"


def test_a_lost_route_makes_no_host_unknown(make_worker: MakeWorker) -> None:
    """A 404 to an employee counts only where employees are answered at all."""
    worker = make_worker(WORKER_ENVOY__SCOPES=json.dumps([*READING_SCOPES, "employees.read"]))
    worker.connect()
    worker.add(host_employee_id="300001")
    worker.sandbox.set_faults(Faults(lost="json", lost_only="GET /v1/employees"))

    worker.push()

    assert worker.delivery()["status"] == "pending"


@pytest.mark.parametrize(
    ("change", "back"),
    [("notes = 'b'", "notes = NULL"), ("wanted = 'absent'", "wanted = 'present'")],
)
def test_a_change_back_after_a_refusal_is_sent(
    worker_with_invite: WorkerWithSandbox, change: str, back: str
) -> None:
    """Envoy may not have the invite any more: that nothing differs from what it was sent says nothing."""
    worker = worker_with_invite
    worker.add(expected_arrival_at=day(3))
    worker.push()
    worker.sandbox.delete_invite(worker.delivery()["envoy_invite_id"])
    worker.execute(f"UPDATE invite SET {change} WHERE external_id = 'v-1'")  # noqa: S608
    assert worker.push(limit=1).counts["deferred"] == 1
    worker.execute(f"UPDATE invite SET {back} WHERE external_id = 'v-1'")  # noqa: S608

    worker.push()

    held = [one["id"] for one in worker.sandbox.invites() if one["invitee"]["name"] == "Visitor v-1"]
    stands = worker.delivery()
    assert (stands["status"], [stands["envoy_invite_id"]]) in [("sent", held), ("rejected", ["40000002"])]
    assert stands["status"] == ("sent" if "wanted" in back else "rejected")
