"""The schema's version: may this release run on this database, and bring it up to date."""

from pathlib import Path

import sqlalchemy as sa

from worker import migrations
from worker.database import triggers
from worker.database.engine import Database
from worker.database.failures import UPGRADE_HINT
from worker.database.repeating import repeated
from worker.errors import SchemaError

UPGRADE_LOCK = 0x656E766F79  # PostgreSQL's advisory lock: two releases migrate one after the other

# A caller locks its invite, and a trigger then the delivery: a migration that began with the delivery
# would come to a deadlock with it.
IN_CALLERS_ORDER = "LOCK TABLE invite, delivery, attempt IN ACCESS EXCLUSIVE MODE"


def current(database: Database) -> str | None:
    """Return the revision the database is at, None where it was never migrated."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def require_fit(database: Database) -> None:
    """Do nothing where this release can run on the schema.

    A newer schema is fine if its migration marked it as compatible with ours, so that the release
    before can be put back.

    Raises:
        SchemaError: it is behind, or ahead and not compatible.
    """
    revision = current(database)
    if revision == migrations.HEAD:
        return
    if revision is None or revision in _known_revisions():
        where = "empty" if revision is None else f"at {revision}"
        raise SchemaError(
            f"the database's schema is {where}, this release needs {migrations.HEAD}", hint=UPGRADE_HINT
        )
    if not _compatible(database):
        raise SchemaError(
            f"the database's schema is at {revision}, which is newer than this release ({migrations.HEAD})",
            hint="install the release that migrated it, or a later one",
        )


@repeated
def upgrade(database: Database) -> tuple[str | None, str]:
    """Migrate to this release's schema; return the revisions before and after.

    Triggers that a restore has switched off are switched on again, whatever the revision.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    before = current(database)
    if before not in _known_revisions() and before is not None:
        require_fit(database)
        return before, before
    with database.write() as connection:
        if not database.is_sqlite:
            # Another release may be migrating, or a million rows be written: that is worth waiting for.
            connection.execute(sa.text("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0"))
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))
            if before not in {None, migrations.HEAD}:
                connection.execute(sa.text(IN_CALLERS_ORDER))
        config.attributes["connection"] = connection
        command.upgrade(config, migrations.HEAD)
        triggers.switch_on(connection)
    return before, migrations.HEAD


def _known_revisions() -> set[str]:
    versions = Path(migrations.__file__).parent / "versions"
    return {file.name.split("_")[0] for file in versions.glob("*.py")}


def _compatible(database: Database) -> bool:
    """Tell whether the newer schema's migration named our revision as one that may run on it."""
    query = sa.text("SELECT count(*) FROM schema_compatibility WHERE revision = :ours")
    with database.read() as connection:
        return bool(connection.execute(query, {"ours": migrations.HEAD}).scalar())
