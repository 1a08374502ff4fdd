"""First schema: the caller's table, the worker's tables, and the triggers that keep them in step."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from worker.migrations.invite_checks_0001 import invite_checks

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATUSES = "'pending', 'sending', 'sent', 'unknown', 'rejected', 'expired', 'withdrawn'"
KINDS = "'create', 'update', 'remove', 'look_up', 'person'"
VERDICTS = "'sent', 'deferred', 'rejected', 'unknown', 'interrupted'"
TABLES = ("job_run", "job", "attempt", "delivery", "invite", "flow", "location", "connection")


def upgrade() -> None:
    """Make everything."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    _connection()
    _directory()
    _invite(sqlite=sqlite)
    _delivery()
    _attempt()
    _jobs()
    op.create_table("schema_compatibility", sa.Column("revision", sa.Text(), primary_key=True))
    if not sqlite:
        # The functions keep this path, and look among a caller's temporary tables last, not first.
        op.execute("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
    for statement in _contract():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    """Remove everything, the invites too."""
    op.execute("DROP VIEW invite_status")
    for table in (*TABLES, "schema_compatibility"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for function in ("invite_inserted", "invite_changing", "invite_changed", "invite_deleted"):
            op.execute(f"DROP FUNCTION {function}()")


def _contract() -> list[str]:
    """Return the triggers and the view; a line ``-- ;;`` ends each statement."""
    file = Path(__file__).with_name(f"0001_contract_{op.get_bind().dialect.name}.sql")
    return [part.strip() for part in file.read_text(encoding="utf-8").split("-- ;;") if part.strip()]


def _moment() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def _json() -> sa.types.TypeEngine[Any]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def _id() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, sa.Identity(always=False), primary_key=True)


def _now() -> sa.TextClause:
    if op.get_bind().dialect.name == "sqlite":
        return sa.text("(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))".replace(":", "\\:"))
    return sa.text("now()")


def _texts(*names: str) -> Iterator[sa.Column[str]]:
    return (sa.Column(name, sa.Text(), nullable=True) for name in names)


def _moments(*names: str) -> Iterator[sa.Column[Any]]:
    return (sa.Column(name, _moment(), nullable=True) for name in names)


def _stamps() -> Iterator[sa.Column[Any]]:
    for name in ("created_at", "updated_at"):
        yield sa.Column(name, _moment(), nullable=False, server_default=_now())


def _counters(*names: str) -> Iterator[sa.Column[int]]:
    for name in names:
        yield sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))


def _connection() -> None:
    op.create_table(
        "connection",
        _id(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="needs_authorisation"),
        *_texts("status_reason", "company_id", "scopes"),
        sa.Column("can_read_invites", sa.Boolean(), nullable=True),
        *_texts("access_token_enc", "refresh_token_enc"),
        *_moments("access_issued_at", "access_expires_at"),
        sa.Column("lifetime_seconds", sa.Float(), nullable=True),
        *_moments("refresh_expires_at", "refreshed_at"),
        *_counters("token_version"),
        *_texts("lease_owner"),
        *_moments("lease_until", "refresh_started_at"),
        *_texts("refresh_fingerprint", "refresh_error"),
        *_counters("refresh_failures"),
        *_moments("refresh_retry_at", "held_until"),
        *_texts("hold_reason"),
        *_counters("hold_count", "forbidden_count", "unauthorised_count"),
        sa.Column("pace_per_second", sa.Float(), nullable=True),
        *_moments("pace_next_at"),
        *_texts("default_location", "default_flow"),
        *_moments("directory_refreshed_at"),
        *_stamps(),
        sa.UniqueConstraint("name", name="connection_name_unique"),
        sa.CheckConstraint(
            "status IN ('active', 'needs_authorisation', 'removed')", name="connection_status_known"
        ),
        sqlite_autoincrement=True,
    )


def _directory() -> None:
    for table, extra in (("location", ("timezone",)), ("flow", ("type", "location_id"))):
        op.create_table(
            table,
            sa.Column("connection_id", sa.BigInteger(), nullable=False),
            sa.Column("envoy_id", sa.Text(), nullable=False),
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("enabled", sa.Boolean(), nullable=False),
            *_texts(*extra),
            sa.PrimaryKeyConstraint("connection_id", "envoy_id"),
            sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], ondelete="CASCADE"),
        )


def _invite(*, sqlite: bool) -> None:
    op.create_table(
        "invite",
        _id(),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("invitee_name", sa.Text(), nullable=False),
        *_texts("invitee_email", "location", "flow", "host_employee_id", "host_email"),
        sa.Column("expected_arrival_at", _moment(), nullable=False),
        *_moments("expected_departure_at"),
        *_texts("notes"),
        sa.Column("custom_fields", _json(), nullable=True),
        sa.Column("send_email", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("wanted", sa.Text(), nullable=False, server_default="present"),
        *_moments("cleared_at"),
        *_stamps(),
        sa.UniqueConstraint("connection", "external_id", name="invite_external_id_unique"),
        *invite_checks(sqlite=sqlite),
        sqlite_autoincrement=True,
    )


def _delivery() -> None:
    op.create_table(
        "delivery",
        _id(),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="pending"),
        sa.Column("revision", sa.BigInteger(), nullable=False, server_default=sa.text("1")),
        sa.Column("sent_revision", sa.BigInteger(), nullable=True),
        *_counters("attempts", "deferrals", "interruptions"),
        *_moments("next_attempt_at"),
        *_texts("envoy_invite_id", "approval_status", "error_code", "error_detail"),
        *_moments("sent_at", "unknown_since"),
        sa.Column("sent_content", _json(), nullable=True),
        *_counters("fencing_token"),
        *_texts("attempt_id", "lease_owner"),
        *_moments("lease_until"),
        *_texts("content_key"),
        *_stamps(),
        sa.UniqueConstraint("connection", "external_id", name="delivery_external_id_unique"),
        sa.UniqueConstraint("connection", "envoy_invite_id", name="delivery_envoy_invite_id_unique"),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="delivery_status_known"),
        sqlite_autoincrement=True,
    )
    for status, columns in (
        ("pending", ["connection", "next_attempt_at", "id"]),
        ("sending", ["lease_until"]),
        ("unknown", ["connection", "unknown_since"]),
        ("expired", ["next_attempt_at"]),
    ):
        where = sa.text(f"status = '{status}'")
        op.create_index(f"delivery_{status}", "delivery", columns, sqlite_where=where, postgresql_where=where)
    # Two creates of equal content must never be in doubt together: a look-up could not tell them apart.
    where = sa.text("content_key IS NOT NULL AND status IN ('sending', 'unknown')")
    op.create_index(
        "delivery_one_in_doubt",
        "delivery",
        ["content_key"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        *_counters("fencing_token"),
        *_texts("run_id", "owner"),
        sa.Column("started_at", _moment(), nullable=False),
        *_moments("finished_at"),
        *_texts("verdict"),
        sa.Column("http_status", sa.Integer(), nullable=True),
        *_texts("error_code", "detail", "envoy_invite_id"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"]),
        sa.CheckConstraint(f"kind IN ({KINDS})", name="attempt_kind_known"),
        sa.CheckConstraint(f"verdict IN ({VERDICTS})", name="attempt_verdict_known"),
    )
    op.create_index("attempt_delivery", "attempt", ["delivery_id", "started_at"])


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("name", sa.Text(), primary_key=True),
        *_moments("last_run_at"),
        *_texts("last_result"),
        *_moments("next_run_at"),
        *_texts("lease_owner"),
        *_moments("lease_until"),
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("started_at", _moment(), nullable=False),
        sa.Column("finished_at", _moment(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("counts", _json(), nullable=False),
    )
    op.create_index("job_run_job", "job_run", ["job", "started_at"])
