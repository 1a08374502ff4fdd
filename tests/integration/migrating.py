"""Going to any revision, and reading what a schema is made of."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config

from worker import migrations
from worker.database import Database, schema

SQLITE_OBJECTS = (
    "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
)
POSTGRESQL_OBJECTS = """
SELECT 'column', table_name || '.' || column_name,
       concat_ws(' ', data_type, is_nullable, column_default, identity_generation)
FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = current_schema()::regnamespace
UNION ALL SELECT 'trigger', tgname, concat(tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger
          WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc
          WHERE pronamespace = current_schema()::regnamespace
UNION ALL SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = current_schema()
ORDER BY 1, 2, 3
"""


def config() -> Config:
    """Point Alembic at our migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config


def migrate(database: Database, *, to: str) -> None:
    """Go to a revision, forward or back."""
    alembic, at = config(), schema.current(database)
    with database.write() as connection:
        alembic.attributes["connection"] = connection
        (command.downgrade if to == "base" or (at and to < at) else command.upgrade)(alembic, to)


def objects(database: Database) -> list[Any]:
    """Read everything that the schema is made of, triggers and view included."""
    with database.read() as connection:
        return list(connection.exec_driver_sql(SQLITE_OBJECTS if database.is_sqlite else POSTGRESQL_OBJECTS))
