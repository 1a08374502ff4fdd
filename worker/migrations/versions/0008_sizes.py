"""Custom fields have a bound of bytes, for every writer: no other column had none."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Fifty labels and values of 255 letters, each letter as two escapes of JSON, and some more.
MOST_BYTES = 400_000
RULE = "invite_custom_fields_length"
# A CHECK would refuse every later change of a row that is longer already, and SQLite would have to write the
# table again for it.  What stays as it is may stay: the worker rejects it by its length.
SQLITE = """\
CREATE TRIGGER {name} AFTER {event} ON invite
WHEN {condition}length(CAST(NEW.custom_fields AS BLOB)) > {most}
BEGIN
    SELECT RAISE(ABORT, 'CHECK constraint failed: {rule}');
END"""
FUNCTION = """\
CREATE FUNCTION invite_sized() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.custom_fields IS NOT DISTINCT FROM OLD.custom_fields THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'custom_fields have more than {most} bytes'
        USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}', TABLE = 'invite';
END
$$"""
POSTGRESQL = """\
CREATE TRIGGER invite_sized AFTER INSERT OR UPDATE ON invite FOR EACH ROW
WHEN (octet_length(NEW.custom_fields::text) > {most})
EXECUTE FUNCTION invite_sized()"""


def upgrade() -> None:
    """Refuse what is too long from now on; the releases before run on it."""
    if op.get_bind().dialect.name == "sqlite":
        differs = "NEW.custom_fields IS NOT OLD.custom_fields AND "
        _run(SQLITE, name="invite_sized", event="INSERT", condition="")
        _run(SQLITE, name="invite_resized", event="UPDATE", condition=differs)
    else:
        # The function keeps this path, and looks among a caller's temporary tables last, not first.
        op.execute("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
        _run(FUNCTION)
        _run(POSTGRESQL)
        op.execute("ALTER TABLE invite ENABLE ALWAYS TRIGGER invite_sized")
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0007')")


def downgrade() -> None:
    """Refuse nothing for its length."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0007'")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER invite_sized")
        op.execute("DROP TRIGGER invite_resized")
        return
    op.execute("DROP TRIGGER invite_sized ON invite")
    op.execute("DROP FUNCTION invite_sized()")


def _run(statement: str, **more: str) -> None:
    op.execute(sa.text(statement.format(most=MOST_BYTES, rule=RULE, **more).replace(":", "\\:")))
