"""The schema's version: may this release run on this database, and bring it up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from worker import migrations
from worker.database import home, triggers
from worker.database.engine import Database
from worker.database.meanings import UPGRADE_HINT
from worker.database.repeating import repeated
from worker.errors import RightMissing, SchemaError

UPGRADE_LOCK = 0x656E766F79  # PostgreSQL's advisory lock: two releases migrate one after the other

# A caller locks its invite, and a trigger then the delivery: a migration that began with the delivery
# would come to a deadlock with it.
IN_CALLERS_ORDER = "LOCK TABLE invite, delivery, attempt IN ACCESS EXCLUSIVE MODE"


def current(database: Database) -> str | None:
    """Return the revision the database is at, None if it was never migrated.

    Raises:
        DatabaseRefused: there is no place for the worker's tables, or another application has taken it.
    """
    with _advised(database), database.read() as connection:
        return home.revision(connection, home.find(connection))


def require_fit(database: Database) -> None:
    """Do nothing where this release can run on the schema.

    A newer schema is fine if its migration marked it as compatible with ours, so that the release
    before can be put back.

    Raises:
        SchemaError: it is behind, or ahead and not compatible; or a table is missing.
        DatabaseRefused: there is no place for the worker's tables, or another application has taken it.
    """
    with _advised(database), database.read() as connection:
        found = home.find(connection)
        revision = home.revision(connection, found)
    if revision == migrations.HEAD:
        _require_whole(found)
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


def _require_whole(found: home.Home) -> None:
    if found.missing:
        raise SchemaError(
            f"the schema says that it is at {migrations.HEAD}, and lacks {', '.join(found.missing)}",
            hint="restore a backup, or begin with an empty database and `envoy-worker db upgrade`",
        )


@contextmanager
def _advised(database: Database) -> Iterator[None]:
    """Let a refusal of PostgreSQL say what to type for this role and this schema."""
    try:
        yield
    except RightMissing as error:
        refused = error
    else:
        return
    with database.read() as connection:
        hint = home.what_to_grant(connection)
    raise RightMissing(str(refused), hint=hint or refused.hint)


@repeated
def upgrade(database: Database) -> tuple[str | None, str]:
    """Migrate to this release's schema; return the revisions before and after.

    Triggers that a restore has switched off are switched on again, whatever the revision.

    Raises:
        SchemaError: it is ahead and not compatible.
        DatabaseRefused: a right is missing, or another application has taken the names of our tables.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    before = current(database)
    if before not in _known_revisions() and before is not None:
        require_fit(database)
        return before, before
    with _advised(database), database.write() as connection:
        if not database.is_sqlite:
            # Another application's table of revisions may lie in a schema behind ours.
            config.attributes["version_table_schema"] = home.find(connection).place
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
    """Return whether the newer schema's migration named our revision as one that may run on it."""
    query = sa.text("SELECT count(*) FROM schema_compatibility WHERE revision = :ours")
    with database.read() as connection:
        return bool(connection.execute(query, {"ours": migrations.HEAD}).scalar())
