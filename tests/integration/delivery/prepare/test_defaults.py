"""What a connection adds to its invites, and custom fields that no intake has checked."""

import json
from typing import Any

import pytest

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.connections import store
from worker.delivery.preview import preview
from worker.errors import ExitCode

FOUR_COLUMNS = (
    "INSERT INTO invite (connection, external_id, invitee_name, expected_arrival_at)"
    " VALUES ('acme', :key, 'Ann Example', '2035-05-01T10:00:00Z')"
)


def give_defaults(worker: WorkerWithSandbox, **custom_fields: str) -> None:
    """Give the connection a location, a flow and these custom fields."""
    store.set_defaults(
        worker.context.database,
        "acme",
        default_location="Berlin",
        default_flow="Interview",
        custom_fields=lambda _present: custom_fields,
    )


def answers(worker: WorkerWithSandbox) -> list[dict[str, str]]:
    """Return the custom fields of each invite in Envoy, by label."""
    return [{one["field"]: one["value"] for one in made["customFields"]} for made in worker.sandbox.invites()]


def fates(worker: WorkerWithSandbox) -> list[tuple[str, str]]:
    """Return what a dry run says of each due row."""
    found = preview(worker.context.database, only=None, limit=None, longest_wait=600)
    return [(one.fate, one.why.partition(":")[0]) for one in found]


def test_four_columns_are_enough(worker: WorkerWithSandbox) -> None:
    """Connection, external id, name and arrival: place, flow and custom fields are the connection's."""
    give_defaults(worker, **{"Purpose of visit": "{flow}", "Your Company": "Example Ltd"})
    worker.execute(FOUR_COLUMNS, key="booking-17")

    told = fates(worker)
    worker.push()

    (made,) = worker.sandbox.invites()
    names = {row["envoy_id"]: row["name"] for row in worker.rows("SELECT envoy_id, name FROM location")}
    assert told == [("create", "")]
    assert (names[made["locationId"]], made["invitee"]["name"]) == ("Berlin", "Ann Example")
    assert answers(worker) == [{"Purpose of visit": "Interview", "Your Company": "Example Ltd"}]
    assert made["sendEmailToInvitee"] is False


def test_changed_defaults_reach_an_invite_when_its_row_changes(worker: WorkerWithSandbox) -> None:
    """What Envoy has stays; an invite that is due for a reason of its own is brought up to date."""
    give_defaults(worker, Company="Example Ltd")
    for key in ("stays", "changes"):
        worker.execute(FOUR_COLUMNS, key=key)
    worker.push()

    give_defaults(worker, Company="Example GmbH")
    quiet = worker.push()
    worker.execute("UPDATE invite SET notes = 'Third floor' WHERE external_id = 'changes'")
    worker.push()

    assert not quiet.did_something
    assert sorted(one["Company"] for one in answers(worker)) == ["Example GmbH", "Example Ltd"]


@pytest.mark.parametrize(
    ("custom_fields", "code"),
    [
        ({f"label {number}": "x" for number in range(51)}, "custom_fields_too_many"),
        ({"Company": "Canary" + "x" * 250}, "custom_fields_too_long"),
        ({"Company": ["Canary"]}, "custom_fields_nested"),
        ({"": "Canary"}, "custom_fields_unreadable"),
    ],
)
def test_custom_fields_beyond_their_bounds_are_rejected_before_any_call(
    worker: WorkerWithSandbox, custom_fields: dict[str, Any], code: str
) -> None:
    """SQL writes them past every check of ours; dry run and push say the same, and tell no value."""
    worker.add("bad", custom_fields=json.dumps(custom_fields))
    worker.add("good")

    told = fates(worker)
    report = worker.push()

    assert sorted(told) == [("create", ""), ("reject", code)]
    assert ExitCode.REJECTED in report.troubles
    bad = worker.delivery("bad")
    assert (bad["status"], bad["error_code"]) == ("rejected", code)
    assert "Canary" not in bad["error_detail"]
    assert (worker.delivery("good")["status"], len(worker.attempts())) == ("sent", 1)


def test_custom_fields_from_sql_go_out_as_text(worker: WorkerWithSandbox) -> None:
    """Numbers and switches are written as JSON has them; null and blank leave the label out."""
    written = '{"Badge": 7, "Fee": 1.5, "Escort": true, "Host": null, "Company": " ", "City": "Köln"}'
    worker.add(custom_fields=written)

    worker.push()

    assert answers(worker) == [{"Badge": "7", "City": "Köln", "Escort": "true", "Fee": "1.5"}]
