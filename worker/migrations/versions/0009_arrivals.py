"""A change of a caller's is announced at its commit: by NOTIFY, or on SQLite by a number that grows."""

import sqlalchemy as sa
from alembic import op

from worker.migrations.contract_0005 import changed

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TRIGGERS = ("invite_announced", "invite_reannounced")
SQLITE = """\
CREATE TRIGGER {name} AFTER {event} ON invite
{condition}
BEGIN
    UPDATE arrival SET number = number + 1;
END"""
# Only where a worker listens and no caller prepares transactions.  The table's number tells the schemas of
# one database apart.  PostgreSQL sends equal ones of a transaction once.
FUNCTION = """\
CREATE FUNCTION invite_announced() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('envoy_invites_' || TG_RELID, '') FROM arrival WHERE announced;
    RETURN NULL;
END
$$"""
# For each row: logical replication fires no trigger for each statement.
POSTGRESQL = """\
CREATE TRIGGER {name} AFTER {event} ON invite FOR EACH ROW
{condition}
EXECUTE FUNCTION invite_announced()"""


def upgrade() -> None:
    """Add a table of one row at most, and triggers that look at it; the release before runs on it."""
    dialect = op.get_bind().dialect.name
    op.create_table(
        "arrival",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("announced", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("number", sa.BigInteger(), nullable=False, server_default="0"),
        sa.CheckConstraint("id = 1", name="arrival_once"),
    )
    if dialect == "sqlite":
        op.execute("INSERT INTO arrival (id) VALUES (1)")
    else:
        # The function keeps this path, and looks among a caller's temporary tables last, not first.
        op.execute("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
        _run(FUNCTION)
    statement = SQLITE if dialect == "sqlite" else POSTGRESQL
    for name, event, condition in (
        ("invite_announced", "INSERT", ""),
        ("invite_reannounced", "UPDATE", f"WHEN {changed(dialect)}"),
    ):
        _run(statement.format(name=name, event=event, condition=condition))
        if dialect == "postgresql":
            op.execute(f"ALTER TABLE invite ENABLE ALWAYS TRIGGER {name}")
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0008')")


def downgrade() -> None:
    """Announce nothing."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0008'")
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON invite")
    if not is_sqlite:
        op.execute("DROP FUNCTION invite_announced()")
    op.drop_table("arrival")


def _run(statement: str) -> None:
    op.execute(sa.text(statement.replace(":", "\\:")))
