"""What must be so after whatever happened: the sandbox's ledger judges what the database says."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from tests.integration.delivery.two_workers import TwoWorkers, visitor
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox


def judge(two_workers: TwoWorkers) -> None:
    """Require all that must hold at any moment."""
    ledger = two_workers.sandbox.ledger()
    no_visit_is_there_twice(ledger)
    each_request_is_one_attempt(two_workers, ledger)
    what_is_sent_is_there(two_workers)


def no_visit_is_there_twice(ledger: dict[str, Any]) -> None:
    """Require that of two creates of one visit the first was removed before the second came."""
    removed = {entry["invite_id"]: entry["at"] for entry in ledger["removes"]}
    creates = defaultdict(list)
    for entry in ledger["creates"]:
        creates[entry["name"]].append(entry)
    for name, made in creates.items():
        for earlier, later in pairwise(made):
            gone_at = removed.get(earlier["invite_id"])
            assert gone_at is not None, f"{name} is in Envoy twice"
            assert gone_at <= later["at"], f"{name} was in Envoy twice"


def each_request_is_one_attempt(two_workers: TwoWorkers, ledger: dict[str, Any]) -> None:
    """Require that each write which Envoy saw has its line in our ledger, and of its own visit."""
    seen = Counter(entry["request_id"] for entry in ledger["attempts"])
    assert set(seen.values()) <= {1}, "a request was repeated"
    query = "SELECT a.id, a.kind, d.external_id FROM attempt AS a JOIN delivery AS d ON d.id = a.delivery_id"
    lines = {row["id"]: row for row in two_workers.worker.rows(query)}
    assert seen.keys() <= lines.keys()
    for entry in ledger["creates"]:
        line = lines[entry["request_id"]]
        assert (line["kind"], visitor(line["external_id"])) == ("create", entry["name"])


def what_is_sent_is_there(two_workers: TwoWorkers) -> None:
    """Require that a row which says ``sent`` has Envoy's id, and Envoy what the caller wants."""
    invites = {one["id"]: one for one in two_workers.sandbox.invites()}
    query = (
        "SELECT d.envoy_invite_id, i.* FROM delivery AS d JOIN invite AS i"
        " ON i.connection = d.connection AND i.external_id = d.external_id WHERE d.status = 'sent'"
    )
    for row in two_workers.worker.rows(query):
        assert row["envoy_invite_id"] is not None
        assert row["wanted"] == "present"
        assert_same(two_workers.worker, invites.get(row["envoy_invite_id"]), row)


def envoy_has_what_is_wanted(worker: WorkerWithSandbox) -> None:
    """Require that, in the end, Envoy has each wanted visit once, and nothing else."""
    wanted = worker.rows("SELECT * FROM invite WHERE wanted = 'present'")
    held = {invite["invitee"]["name"]: invite for invite in worker.sandbox.invites()}
    assert len(held) == len(worker.sandbox.invites()) == len(wanted)
    for row in wanted:
        assert_same(worker, held.get(row["invitee_name"]), row)


def assert_same(worker: WorkerWithSandbox, invite: dict[str, Any] | None, row: Any) -> None:
    """Require that Envoy's invite is what the caller's row says, in every field."""
    assert invite is not None, f"{row['external_id']} is not in Envoy"
    wanted = {
        "invitee": {"name": row["invitee_name"], "email": row["invitee_email"]},
        "notes": row["notes"],
        "expectedArrivalAt": _utc(row["expected_arrival_at"]),
        "expectedDepartureAt": _utc(row["expected_departure_at"]),
        "customFields": _listed(row["custom_fields"]),
        "locationId": _id(worker, "location", row["location"]),
    }
    if row["flow"] is not None:  # else Envoy chooses one
        own_or_shared = f"coalesce(location_id, '{wanted['locationId']}') = '{wanted['locationId']}'"
        wanted["flowId"] = _id(worker, "flow", row["flow"], own_or_shared)
    assert {name: invite[name] for name in wanted} == wanted
    # No second mail is asked for by an update that is repeated after a doubt, or of what a restore forgot.
    withheld = worker.was_restored or _was_in_doubt(worker, row)
    mailed = {bool(row["send_email"])} | ({False} if withheld else set())
    assert invite["sendEmailToInvitee"] in mailed


def _was_in_doubt(worker: WorkerWithSandbox, row: Any) -> bool:
    """Return whether an update of a visit may have been executed and was not answered, or not in time.

    One that was given up has the verdict of its late answer; another attempt had begun by then.
    """
    query = (
        "SELECT d.external_id FROM attempt AS a JOIN delivery AS d ON d.id = a.delivery_id"
        " WHERE a.kind = 'update' AND (coalesce(a.verdict, 'interrupted') IN ('deferred', 'interrupted')"
        " OR EXISTS (SELECT 1 FROM attempt AS b WHERE b.delivery_id = a.delivery_id"
        " AND b.fencing_token > a.fencing_token AND b.started_at <= a.finished_at))"
    )
    return row["external_id"] in {line["external_id"] for line in worker.rows(query)}


def _id(worker: WorkerWithSandbox, table: str, name: str, where: str = "true") -> str:
    (found,) = worker.rows(f"SELECT envoy_id FROM {table} WHERE name = '{name}' AND {where}")  # noqa: S608
    return str(found["envoy_id"])


def _listed(custom_fields: str | dict[str, str] | None) -> list[dict[str, str]]:
    read = json.loads(custom_fields) if isinstance(custom_fields, str) else custom_fields
    return [{"field": label, "value": value} for label, value in sorted((read or {}).items())]


def _utc(moment: str | datetime | None) -> str | None:
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return read.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if read else None
