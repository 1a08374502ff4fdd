"""Columns for what is known of refusals, of doubtful updates, and of rows without a delivery."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that the release before does not know and does not mind."""
    moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
    _add_refusals(moment)
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0003')")


def downgrade() -> None:
    """Remove them."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0003'")
    _drop_refusals()


def _add_refusals(moment: sa.types.TypeEngine[Any]) -> None:
    """Add what is known of refusals that may not be the row's own, and of a right that was refused."""
    op.add_column("delivery", sa.Column("refused_at", moment, nullable=True))
    op.add_column("delivery", sa.Column("gone_at", moment, nullable=True))
    op.add_column("connection", sa.Column("probed_at", moment, nullable=True))
    op.add_column("connection", sa.Column("known_read_at", moment, nullable=True))
    op.add_column("connection", sa.Column("reading_refused_at", moment, nullable=True))
    op.add_column("host", sa.Column("refused_until", moment, nullable=True))
    op.add_column("host", sa.Column("refused_count", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("host", sa.Column("refusal", sa.Text(), nullable=True))
    op.add_column("host", sa.Column("refusals_from", moment, nullable=True))
    op.add_column("attempt", sa.Column("refusal", sa.Text(), nullable=True))
    # Which writes went through since a moment, and which were refused: read only after a refusal.
    op.create_index("attempt_started", "attempt", ["started_at"])


def _drop_refusals() -> None:
    op.drop_index("attempt_started", "attempt")
    op.drop_column("attempt", "refusal")
    for name in ("refusals_from", "refusal", "refused_count", "refused_until"):
        op.drop_column("host", name)
    for name in ("reading_refused_at", "known_read_at", "probed_at"):
        op.drop_column("connection", name)
    for name in ("gone_at", "refused_at"):
        op.drop_column("delivery", name)
