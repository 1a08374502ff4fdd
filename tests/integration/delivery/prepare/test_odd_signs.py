"""What callers write by SQL is held to the rules of the files once more, before it goes to Envoy."""

import json
from typing import Any

import sqlalchemy as sa

from jobs import refresh_directory
from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.delivery.preview import preview
from worker.errors import ExitCode
from worker.invites.model import DELIVERIES
from worker.sandbox import Sandbox

ESCAPE, REVERSED = "\x1b", "\u202e"
CONTROL, INVISIBLE = "control_character", "invisible_character"
CANARY = "Canary"
ODD: dict[str, tuple[dict[str, Any], str, str]] = {
    "name-esc": ({"invitee_name": f"{CANARY}{ESCAPE}[31m"}, "invitee_name", CONTROL),
    "name-lf": ({"invitee_name": f"{CANARY}\nBcc: x"}, "invitee_name", CONTROL),
    "name-cr": ({"invitee_name": f"{CANARY}\r"}, "invitee_name", CONTROL),
    "name-c1": ({"invitee_name": f"{CANARY}\x9b31m"}, "invitee_name", CONTROL),
    "name-line": ({"invitee_name": f"{CANARY}\u2028x"}, "invitee_name", CONTROL),
    "name-bidi": ({"invitee_name": f"{REVERSED}{CANARY}"}, "invitee_name", INVISIBLE),
    "name-blank": ({"invitee_name": "\u200f"}, "invitee_name", INVISIBLE),
    "email-lf": ({"invitee_email": f"{CANARY}@example.com\nBcc: x@example.com"}, "invitee_email", CONTROL),
    "email-zero": ({"invitee_email": f"{CANARY}\u200b@example.com"}, "invitee_email", INVISIBLE),
    "email-form": ({"invitee_email": f"{CANARY} x@example.com"}, "invitee_email", "email_form"),
    "notes-esc": ({"notes": f"{CANARY}{ESCAPE}]0;x\a"}, "notes", CONTROL),
    "location-esc": ({"location": f"{CANARY}{ESCAPE}"}, "location", CONTROL),
    "location-lf": ({"location": "San\nFrancisco HQ"}, "location", CONTROL),
    "location-zero": ({"location": "Berlin\u200b"}, "location", INVISIBLE),
    "flow-cr": ({"flow": f"{CANARY}\rx"}, "flow", CONTROL),
    "host-esc": ({"host_employee_id": f"9{ESCAPE}"}, "host_employee_id", CONTROL),
    "host-email-lf": ({"host_email": f"{CANARY}@example.com\nx"}, "host_email", CONTROL),
    "fields-value": ({"custom_fields": f'{{"Company": "{CANARY}\\u001b"}}'}, "custom_fields", CONTROL),
    "fields-label": ({"custom_fields": f'{{"{CANARY}\\n": "x"}}'}, "custom_fields", CONTROL),
}  # fmt: skip


def told(worker: WorkerWithSandbox, external_id: str) -> tuple[str, str, str]:
    """Return how a row stands, its error code, and what is said about it."""
    row = worker.delivery(external_id)
    return str(row["status"]), str(row["error_code"]), str(row["error_detail"])


def let_envoy_have(worker: WorkerWithSandbox, **fields: Any) -> None:
    """Store that Envoy has these fields, as if they had been sent."""
    query = sa.select(DELIVERIES.c.sent_content)
    with worker.context.database.write() as connection:
        content = connection.execute(query).scalar_one() | fields
        worker_rows.set_delivery(worker_rows.In(connection), sent_content=json.dumps(content))


def test_odd_signs_are_rejected_by_column_and_nothing_of_them_goes_to_envoy(
    worker: WorkerWithSandbox, sandbox: Sandbox
) -> None:
    """Each row costs itself alone; its column is named, its value is not quoted; others go out."""
    for external_id, (columns, _, _) in ODD.items():
        worker.add(external_id, **columns)
    fine = {"notes": "two\r\nlines\tand a tab", "custom_fields": '{"Company": "two\\r\\nlines"}'}
    worker.add("plain", **fine, invitee_name="\u05e0\u05d5\u05e8\u05d4\u200e")

    reads = worker.reads()
    report = worker.push()

    assert worker.reads() == reads, "the directory was read again for what it cannot have"
    assert report.counts["rejected"] == len(ODD)
    assert ExitCode.REJECTED in report.troubles
    for external_id, (_, column, code) in ODD.items():
        status, found, detail = told(worker, external_id)
        assert (external_id, status, found) == (external_id, "rejected", code)
        assert column in detail
        assert CANARY not in detail
        assert detail.isprintable()
    (sent,) = sandbox.invites()
    assert sent["notes"] == "two\nlines\tand a tab"
    assert sent["customFields"] == [{"field": "Company", "value": "two\nlines"}]
    assert sent["invitee"]["name"] == "\u05e0\u05d5\u05e8\u05d4\u200e"


def test_what_envoy_has_is_not_judged_again(worker: WorkerWithSandbox, sandbox: Sandbox) -> None:
    """A name that was sent before the rule was there does not keep the visit from being moved."""
    worker.add(notes="quiet", invitee_email="ann@example.com", custom_fields='{"Company": "Example"}')
    worker.push()
    # As the release before sent it: with the sign, which Envoy took.
    odd = {"name": f"Ann{ESCAPE}", "email": f"ann{REVERSED}@example.com"}
    fields = [{"field": "Company", "value": f"x{ESCAPE}"}]
    let_envoy_have(worker, invitee=odd, notes=f"q{ESCAPE}", customFields=fields)
    worker.execute(
        "UPDATE invite SET invitee_name = :name, invitee_email = :email, notes = :notes,"
        " custom_fields = :fields, expected_arrival_at = '2091-03-02T15:00:00Z'",
        **odd,
        notes=f"q{ESCAPE}",
        fields='{"Company": "x\\u001b"}',
    )

    worker.push()
    moved = told(worker, "v-1")
    worker.execute("UPDATE invite SET invitee_name = :name", name=f"Ben{ESCAPE}")
    worker.push()

    assert moved[0] == "sent"
    assert sandbox.invites()[0]["expectedArrivalAt"].startswith("2091-03-02T15:00")
    assert told(worker, "v-1")[:2] == ("rejected", CONTROL)


def test_a_removal_is_never_refused_for_content(worker: WorkerWithSandbox, sandbox: Sandbox) -> None:
    """Whatever the row says by now, a visit that is called off leaves Envoy."""
    worker.add()
    worker.push()
    worker.execute(
        "UPDATE invite SET wanted = 'absent', invitee_name = :odd, notes = :odd, location = :odd", odd=ESCAPE
    )

    worker.push()

    assert told(worker, "v-1")[0] == "withdrawn"
    assert sandbox.invites() == []


def test_an_external_id_is_not_judged(worker: WorkerWithSandbox) -> None:
    """It is the caller's own, and does not go to Envoy."""
    odd = [f"v{ESCAPE}[2J", "v\r\n1", f"{REVERSED}v"]
    for external_id in odd:
        worker.add(external_id, invitee_name="Ann")

    worker.push()

    assert [told(worker, external_id)[0] for external_id in odd] == ["sent"] * 3


def test_a_name_that_envoy_itself_has_so_is_right(worker: WorkerWithSandbox, sandbox: Sandbox) -> None:
    """Who writes a location as Envoy shows it has made no mistake."""
    odd = sandbox.add_location(f"Hall{ESCAPE} 4\u200b", timezone="Europe/Berlin")
    refresh_directory.run(worker.run_context(), max_age=0)
    worker.add("by-name", location=f"Hall{ESCAPE} 4\u200b")
    worker.add("by-id", location=str(odd["id"]))

    worker.push()

    assert [told(worker, one)[0] for one in ("by-name", "by-id")] == ["sent", "sent"]


def test_a_dry_run_names_the_same_fate(worker: WorkerWithSandbox) -> None:
    """What a push would refuse is said before, by the database alone."""
    for external_id, (columns, _, _) in ODD.items():
        worker.add(external_id, **columns)

    fates = list(preview(worker.context.database, only=None, limit=None, longest_wait=900))

    assert {one.external_id: (one.fate, one.why.partition(":")[0]) for one in fates} == {
        external_id: ("reject", code) for external_id, (_, _, code) in ODD.items()
    }
