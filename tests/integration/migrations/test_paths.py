"""Every path of migrations leads to the same schema, and a release refuses a schema that does not fit."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlmodel import SQLModel

import worker.arrivals.model
import worker.connections.model
import worker.directory.model
import worker.invites.model
import worker.runs.model
from tests.integration.migrating import config, migrate, objects
from worker import migrations
from worker.database import Database, schema
from worker.errors import SchemaError

MODELS = (
    worker.arrivals.model,
    worker.connections.model,
    worker.directory.model,
    worker.invites.model,
    worker.runs.model,
)


def test_an_empty_database_is_brought_to_this_release(empty: Database) -> None:
    """The first upgrade makes everything and says from where to where; a second one does nothing."""
    assert schema.current(empty) is None

    assert schema.upgrade(empty) == (None, migrations.HEAD)
    assert schema.upgrade(empty) == (migrations.HEAD, migrations.HEAD)
    assert schema.current(empty) == migrations.HEAD
    schema.require_fit(empty)


def test_every_path_leads_to_the_same_schema(empty: Database) -> None:
    """Back to nothing and forward again: tables, checks, indexes, triggers and the view are the same."""
    schema.upgrade(empty)
    straight = objects(empty)
    migrate(empty, to="base")
    nothing = [entry for entry in objects(empty) if "alembic_version" not in str(entry)]
    migrate(empty, to="head")

    assert nothing == []
    assert objects(empty) == straight
    names = {entry[1] for entry in straight}
    assert {"invite_status", "invite_inserted", "invite_changed", "delivery_one_in_doubt"} <= names


def test_the_models_and_the_schema_agree(database: Database) -> None:
    """Alembic's comparison finds no table and no column on one side only."""
    assert len(MODELS) == 5
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        found = compare_metadata(context, SQLModel.metadata)

    one_sided = {(kind, str(what)) for kind, what, *_ in filter(_is_about_a_table, found)}
    columns = [entry for entry in found if entry[0] in ("add_column", "remove_column")]
    assert columns == []
    # The one table that no model needs: it is read by its name, by releases that know nothing else of it.
    assert one_sided == {("remove_table", "schema_compatibility")}


def _is_about_a_table(difference: Any) -> bool:
    return difference[0] in ("add_table", "remove_table")


def test_every_row_that_the_models_write_can_be_read_back(database: Database) -> None:
    """Each column of each model exists under its name with a type that takes its value."""
    counted = [(1, False, 0)] if database.is_sqlite else []  # what its triggers count in
    with database.read() as connection:
        for table in SQLModel.metadata.sorted_tables:
            assert connection.execute(sa.select(table)).all() == (counted if table.name == "arrival" else [])


def test_this_release_is_made_for_the_newest_migration() -> None:
    """HEAD names Alembic's only head."""
    assert ScriptDirectory.from_config(config()).get_heads() == [migrations.HEAD]


def test_an_empty_database_is_refused_with_the_command_that_mends_it(empty: Database) -> None:
    """Exit 78, one line, one hint."""
    with pytest.raises(SchemaError, match="empty") as caught:
        schema.require_fit(empty)

    assert int(caught.value.exit_code) == 78
    assert "envoy-worker db upgrade" in caught.value.hint


def stamp(database: Database, revision: str, *, fit_for: str | None = None) -> None:
    """Make the database look as a later release leaves it."""
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :new"), {"new": revision})
        if fit_for:
            connection.execute(sa.text("INSERT INTO schema_compatibility VALUES (:old)"), {"old": fit_for})


def test_a_schema_that_is_ahead_is_refused(database: Database) -> None:
    """This release does not know what a later one changed, and leaves it alone."""
    stamp(database, "9999")

    for refused in (schema.require_fit, schema.upgrade):
        with pytest.raises(SchemaError, match="newer than this release") as caught:
            refused(database)
        assert "install the release that migrated it" in caught.value.hint


def test_a_schema_that_is_ahead_but_marked_as_fit_is_accepted(database: Database) -> None:
    """After a rollback of the code, the release before must be able to start."""
    stamp(database, "9999", fit_for=migrations.HEAD)

    schema.require_fit(database)
    assert schema.upgrade(database) == ("9999", "9999")


def test_a_mark_for_another_release_is_none_for_this(database: Database) -> None:
    """Compatibility is said of each revision by itself."""
    stamp(database, "9999", fit_for="0000")

    with pytest.raises(SchemaError, match="newer than this release"):
        schema.require_fit(database)


def test_a_failed_upgrade_leaves_nothing_behind(empty: Database) -> None:
    """A migration is all or nothing, on SQLite as well."""
    with empty.write() as connection:
        connection.exec_driver_sql("CREATE TABLE job_run (id INTEGER)")
    before = objects(empty)

    with pytest.raises(Exception, match="job_run"):
        schema.upgrade(empty)

    assert objects(empty) == before


@pytest.fixture
def own_schema_url(postgresql_url: str) -> Iterator[str]:
    """Give a role that works in a schema of its own, beside an application's tables in ``public``."""
    name = f"envoy_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        yield f"{postgresql_url}{'&' if '?' in postgresql_url else '?'}options=-csearch_path%3D{name}"


def test_the_worker_can_live_in_a_schema_of_its_own(own_schema_url: str, postgresql_url: str) -> None:
    """Its tables, its Alembic version and what its triggers write lie there, wherever a caller comes from."""
    database = Database(own_schema_url)
    assert schema.upgrade(database) == (None, migrations.HEAD)
    with database.read() as connection:
        name = connection.exec_driver_sql("SELECT current_schema()").scalar()
    database.dispose()
    assert name is not None

    with psycopg.connect(postgresql_url) as caller:
        caller.execute(
            sql.SQL(
                "INSERT INTO {}.invite (connection, external_id, invitee_name, location, expected_arrival_at)"
                " VALUES ('acme', 'v-1', 'Ann', 'Berlin', '2026-03-01T09:00:00Z')"
            ).format(sql.Identifier(name))
        )
        here = caller.execute(
            sql.SQL("SELECT status FROM {}.delivery").format(sql.Identifier(name))
        ).fetchall()
        there = caller.execute("SELECT status FROM public.delivery").fetchall()

    assert (here, there) == ([("pending",)], [])
