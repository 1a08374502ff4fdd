"""The judge: Envoy's own ledger, the worker's ledger and its rows must tell one story."""

from collections import Counter
from typing import Any, TypeAlias

from tests.torture.fast_installation import FastInstallation

Verdicts: TypeAlias = frozenset[str | None]

# What a create attempt that Envoy never carried out may have come to.
NOT_SENT: Verdicts = frozenset({"interrupted", "deferred"})
REFUSED = NOT_SENT | {"unknown"}
ATTEMPTS = "SELECT id, kind, verdict, delivery_id, error_code FROM attempt"


def require_exactly_once(
    installation: FastInstallation, *, not_carried_out: Verdicts = NOT_SENT
) -> Counter[str]:
    """Return the counts of a proof; both ledgers tell that every invite is in Envoy, in there once."""
    return require_one_story(installation, require_each_once(installation), not_carried_out)


def require_each_once(installation: FastInstallation) -> list[dict[str, Any]]:
    """Return Envoy's creates; every invite is in Envoy, in there once, and as it was last changed."""
    ledger = installation.sandbox.ledger()
    creates: list[dict[str, Any]] = ledger["creates"]
    assert ledger["duplicates"] == []
    assert len(creates) == installation.invites
    assert installation.statuses() == {"sent": installation.invites}
    rows = installation.rows("SELECT envoy_invite_id FROM delivery")
    assert {row["envoy_invite_id"] for row in rows} == {entry["invite_id"] for entry in creates}
    notes = {one["invitee"]["email"]: one["notes"] for one in installation.sandbox.invites()}
    assert notes == dict.fromkeys(notes) | installation.changed
    return creates


def require_one_story(
    installation: FastInstallation, creates: list[dict[str, Any]], not_carried_out: Verdicts
) -> Counter[str]:
    """Return the counts; each create in Envoy is one attempt of ours, each other attempt was not sent."""
    rows = installation.rows(ATTEMPTS)
    attempts = {row["id"]: row for row in rows if row["kind"] == "create"}
    carried_out = {entry["request_id"] for entry in creates}
    assert len(carried_out) == len(creates), "an attempt was carried out twice"
    assert carried_out <= attempts.keys(), "Envoy has a create that we know nothing of"
    others = [row for number, row in attempts.items() if number not in carried_out]
    assert [row for row in others if row["verdict"] not in not_carried_out] == []
    doubtful = [row for row in attempts.values() if row["verdict"] in {"unknown", "interrupted"}]
    return Counter(
        invites=installation.invites,
        creates=len(creates),
        duplicates=len(installation.sandbox.ledger()["duplicates"]),
        attempts=len(attempts),
        doubtful=len(doubtful),
        doubtful_and_in_envoy=sum(row["id"] in carried_out for row in doubtful),
        look_ups=sum(row["kind"] == "look_up" for row in rows),
        deferred=sum(row["verdict"] == "deferred" for row in others),
    )
