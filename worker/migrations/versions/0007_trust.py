"""Columns for what is trusted: whose token was refused, whose answer was lost, and what clocks said."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OF_A_CONNECTION = (
    "held_since", "lease_watched", "also_paused_until", "also_paused", "refused_version", "answer_lost_at",
)  # fmt: skip


def upgrade() -> None:
    """Add columns that the release before does not know and does not mind."""
    moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
    op.add_column("connection", sa.Column("answer_lost_at", moment, nullable=True))
    op.add_column("connection", sa.Column("refused_version", sa.Integer(), nullable=True))
    op.add_column(
        "connection", sa.Column("also_paused", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("connection", sa.Column("also_paused_until", moment, nullable=True))
    op.add_column("connection", sa.Column("lease_watched", sa.Text(), nullable=True))
    op.add_column("connection", sa.Column("held_since", moment, nullable=True))
    op.add_column("host", sa.Column("held_since", moment, nullable=True))
    op.add_column("host", sa.Column("refused_since", moment, nullable=True))
    op.add_column("attempt", sa.Column("boot_seconds", sa.Float(), nullable=True))
    op.add_column("host", sa.Column("envoy_time", moment, nullable=True))
    op.add_column("host", sa.Column("envoy_time_seen_at", moment, nullable=True))
    op.add_column("job", sa.Column("seen_boot", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("seen_boot_seconds", sa.Float(), nullable=True))
    op.add_column("job", sa.Column("seen_at", moment, nullable=True))
    op.add_column("job", sa.Column("unwitnessed_since", moment, nullable=True))
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0006')")


def downgrade() -> None:
    """Remove them."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0006'")
    for name in ("unwitnessed_since", "seen_at", "seen_boot_seconds", "seen_boot"):
        op.drop_column("job", name)
    op.drop_column("attempt", "boot_seconds")
    for name in ("envoy_time_seen_at", "envoy_time", "refused_since", "held_since"):
        op.drop_column("host", name)
    for name in _OF_A_CONNECTION:
        op.drop_column("connection", name)
