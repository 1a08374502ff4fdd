"""Make true of every delivery what revision 0005 holds; part of that revision, and never changed again.

Nothing is forgotten, and nothing is sent that Envoy may have: what cannot be known waits for a person, as
``unknown`` with the error code ``incomplete``.
"""

import uuid

import sqlalchemy as sa

from worker.migrations.contract_0005 import NOW

INCOMPLETE = "incomplete"
DUE = "status = 'pending', next_attempt_at = {now}, deferrals = 0, updated_at = {now}"
FREE = "lease_owner = NULL, lease_until = NULL, content_key = NULL"
# What is written, and where; in this order.  An update or a removal may be repeated, so that a row with an
# id is simply due.
REPAIRS = (
    ("next_attempt_at = {now}", "status = 'pending' AND next_attempt_at IS NULL"),
    (DUE, "status IN ('withdrawn', 'expired') AND envoy_invite_id IS NOT NULL"),
    # Envoy may have it, so that its invite must not be deleted or renamed.
    (
        "fencing_token = 1",
        "fencing_token = 0 AND (envoy_invite_id IS NOT NULL OR status IN ('sending', 'unknown'))",
    ),
    # By its meaning: what is sent is so in its newest revision.
    ("sent_revision = revision", "status = 'sent' AND sent_revision IS NULL"),
    (f"{DUE}, {FREE}", "status = 'sending' AND attempt_id IS NULL AND envoy_invite_id IS NOT NULL"),
    # The lease of nobody, that is over.
    (
        "lease_owner = coalesce(lease_owner, 'nobody'), lease_until = coalesce(lease_until, {now})",
        "status = 'sending' AND attempt_id IS NOT NULL AND (lease_owner IS NULL OR lease_until IS NULL)",
    ),
)
DOUBTFUL = (
    "SELECT id, attempt_id, revision, fencing_token FROM delivery"
    " WHERE status = 'sent' AND envoy_invite_id IS NULL"
    " OR status IN ('sending', 'unknown') AND attempt_id IS NULL"
)
LINE = (
    "INSERT INTO attempt (id, delivery_id, kind, revision, fencing_token, started_at, finished_at,"
    " verdict, error_code)"
    " SELECT :attempt, id, 'create', revision, :token, updated_at, {now}, 'unknown', :code"
    " FROM delivery WHERE id = :id"
)
LEFT_FOR_A_PERSON = (
    "UPDATE delivery SET status = 'unknown', attempt_id = :attempt, fencing_token = :token,"
    " next_attempt_at = NULL, unknown_since = coalesce(unknown_since, updated_at), error_code = :code,"
    " error_detail = NULL, updated_at = {now}, lease_owner = NULL, lease_until = NULL, content_key = NULL"
    " WHERE id = :id"
)


def heal(connection: sa.Connection) -> None:
    """Repair what violates the rules."""
    now = NOW[connection.dialect.name]
    for values, where in REPAIRS:
        connection.execute(_text(f"UPDATE delivery SET {values} WHERE {where}", now))  # noqa: S608 -- ours
    for row in connection.execute(sa.text(DOUBTFUL)).all():
        attempt_id = row.attempt_id or uuid.uuid4().hex
        token = max(row.fencing_token, 1)  # Envoy may have it, so that it must not be deleted
        known = {"id": row.id, "code": INCOMPLETE, "token": token, "attempt": attempt_id}
        if row.attempt_id is None:
            connection.execute(_text(LINE, now), known)
        connection.execute(_text(LEFT_FOR_A_PERSON, now), known)


def _text(sql: str, now: str) -> sa.TextClause:
    """Return a statement; the colons in the clock's own format bind nothing."""
    return sa.text(sql.format(now=now.replace(":", "\\:")))
