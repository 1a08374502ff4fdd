"""PostgreSQL and SQLite as others set them up: it works, or exit 78 says what to type."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.foreign_databases import (
    CommandResult,
    ForeignServer,
    RunAsOperator,
    as_role,
    execute,
    migrated,
    turning_away,
)
from tests.integration.migrating import migrate
from worker.database import Database

# To each its own word where nothing is there yet: `status` says what to run, and that says what is wrong.
BEFORE = ("upgrade", "current", "status", "check", "run-once", "add")
READING = ("current", "status", "check")


def refused(said: CommandResult, *words: str) -> None:
    """Check that a command ended with 78, and one line that has these words."""
    text = said.line if said.err.startswith("error: ") else said.out
    assert said.code == 78, said
    assert "this is a bug" not in said.err
    for word in words:
        assert word in text


def test_a_role_without_rights_is_told_the_grant(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """As on PostgreSQL 15, where the schema public is closed; typed as it stands, it repairs that."""
    role = foreign_server.role()
    url = foreign_server.database(role=role)
    grant = f"GRANT USAGE, CREATE ON SCHEMA public TO {role}"

    refused(
        run_as_operator(url, "upgrade"), "permission denied for schema public", grant, "docs/sql-contract.md"
    )
    for command in BEFORE[2:]:
        refused(run_as_operator(url, command), "db upgrade")

    execute(url.replace(f"{role}@", "postgres@"), grant)
    assert run_as_operator(url, "upgrade").code == 0
    assert run_as_operator(url, "add").code == 0


def test_a_role_that_may_use_no_schema_is_told_the_grant(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """The search_path is empty, or names what is not there; every command says so."""
    for path in ("''", "nowhere"):
        role = foreign_server.role(f"ALTER ROLE {{}} SET search_path = {path}")
        url = foreign_server.database(role=role)
        for command in BEFORE:
            refused(
                run_as_operator(url, command),
                f"the role {role} may use no schema",
                f"TO {role}",
                "SET search_path",
            )


def test_another_s_tables_are_told_with_their_owner(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """A role that did not migrate may not even read the revision; the GRANT repairs that as it stands."""
    owner, guest = foreign_server.role(), foreign_server.role()
    url = migrated(foreign_server.database("GRANT ALL ON SCHEMA public TO {}", role=owner))
    grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {guest}"

    for command in BEFORE:
        refused(run_as_operator(as_role(url, guest), command), f"connect as {owner}", grant)

    execute(url, grant)
    assert run_as_operator(as_role(url, guest), "add").code == 0
    assert run_as_operator(as_role(url, guest), "run-once").code == 0


def test_a_role_that_may_only_read_reads(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator, tmp_path: Path
) -> None:
    """What it may not write ends with 78."""
    role = foreign_server.role()
    url = migrated(foreign_server.database())
    execute(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")

    assert [run_as_operator(as_role(url, role), command).code for command in ("current", "status")] == [0, 0]
    for command in ("add", "run-once"):
        refused(run_as_operator(as_role(url, role), command), "permission denied for table")
    grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    refused(run_as_operator(as_role(url, role), "check"), "may not write attempt, delivery, invite", grant)
    file = tmp_path / "visits.csv"
    file.write_text("external_id,invitee_name,expected_arrival_at\nv-1,Ann,2027-03-01T09:00:00Z\n")
    said = run_as_operator(as_role(url, role), "import", str(file), "--connection", "acme")
    refused(said, "permission denied for table", "nothing was imported", "import the file again")


def test_another_application_s_objects_are_kept(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """`db upgrade` says which name is taken, and leaves nothing behind."""
    url = foreign_server.database()
    for kind, name, rest in (
        ("TABLE", "invite", "(id int)"),
        ("VIEW", "invite_status", "AS SELECT 1 AS status"),
        ("TABLE", "location", "(id int)"),
        ("TYPE", "delivery", "AS ENUM ('a')"),
        ("FUNCTION", "invite_inserted", "() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
    ):
        execute(url, f"CREATE {kind} {name} {rest}")
        refused(run_as_operator(url, "upgrade"), name, "already exists", "docs/sql-contract.md")
        refused(run_as_operator(url, "status"), "db upgrade")
        execute(url, f"DROP {kind} {name}")


def test_an_older_backup_over_newer_tables_is_named(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """`pg_restore --clean` leaves tables that the backup does not know; `db upgrade` says what happened."""
    url = migrated(foreign_server.database())
    database = Database(url)
    migrate(database, to="0005")
    database.dispose()
    execute(url, "CREATE TABLE restored (id integer)")

    refused(
        run_as_operator(url, "upgrade"),
        '"restored" already exists',
        "older release's backup",
        "new and empty",
    )


def test_a_schema_of_its_own_is_the_way_out(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """Beside an application that has our names, its revisions too, and whose schema is in the path."""
    role = foreign_server.role()
    url = foreign_server.database("GRANT ALL ON SCHEMA public TO {}", role=role)
    admin = url.replace(f"{role}@", "postgres@")
    execute(
        admin,
        "CREATE TABLE invite (id int)",
        "CREATE TABLE alembic_version (version_num varchar(32))",
        "INSERT INTO alembic_version VALUES ('0003')",
        f"CREATE SCHEMA own AUTHORIZATION {role}",
        f"ALTER ROLE {role} SET search_path = own, public",
    )

    assert [run_as_operator(url, command).code for command in ("upgrade", "current", "add", "run-once")] == [
        0
    ] * 4
    with psycopg.connect(admin) as connection:
        assert connection.execute("SELECT * FROM public.alembic_version").fetchall() == [("0003",)]
    execute(admin, f"DROP OWNED BY {role} CASCADE")


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("version_num varchar(32)", "('ab12cd34ef56')"),
        ("version_num varchar(32)", "('0003')"),  # as one of ours is called
        ("version_num varchar(32)", "('0003'), ('0007')"),
        ("revision int", "(7)"),
        ("version_num varchar(32), applied_at text", "('0005', '')"),
    ],
)
def test_another_application_s_revision_is_not_ours(
    columns: str, values: str, foreign_server: ForeignServer, run_as_operator: RunAsOperator, tmp_path: Path
) -> None:
    """Whatever it looks like, on both databases; `db upgrade` does not touch it."""
    url = foreign_server.database()
    path = tmp_path / "other.db"
    statements = (
        f"CREATE TABLE alembic_version ({columns})",
        f"INSERT INTO alembic_version VALUES {values}",  # noqa: S608 -- the test's own
    )
    execute(url, *statements)
    with sqlite3.connect(path) as other:
        for statement in statements:
            other.execute(statement)
    other.close()

    for one in (url, f"sqlite:///{path}"):
        for command in BEFORE:
            refused(run_as_operator(one, command), "the table alembic_version is another application's")


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE invite (id int)", "CREATE VIEW invite_status AS SELECT 1 AS status"]
)
def test_another_application_s_file_is_kept(
    statement: str, run_as_operator: RunAsOperator, tmp_path: Path
) -> None:
    """`db upgrade` says which name is taken, and adds nothing to it."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute(statement)

    refused(run_as_operator(f"sqlite:///{path}", "upgrade"), "already exists", "a database of its own")
    for command in BEFORE[2:]:
        refused(run_as_operator(f"sqlite:///{path}", command), "db upgrade")

    assert other.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)
    other.close()


def test_rows_that_may_be_hidden_are_a_warning(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """Row level security is another's rule, and what it hides is never sent: only `check` can say so."""
    role = foreign_server.role()
    url = migrated(foreign_server.database("GRANT ALL ON SCHEMA public TO {}", role=role))
    assert "row level security" not in run_as_operator(url, "check").out

    execute(
        url, "ALTER TABLE invite ENABLE ROW LEVEL SECURITY", "ALTER TABLE invite FORCE ROW LEVEL SECURITY"
    )

    assert (
        "warn rights: row level security applies to the role, on invite" in run_as_operator(url, "check").out
    )
    refused(run_as_operator(url, "add"), "row-level security policy")


def test_tables_that_are_lost_are_named(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator, sqlite_url: str
) -> None:
    """A restore of a part, which `db upgrade` cannot repair."""
    url = migrated(foreign_server.database())
    execute(url, "DROP TABLE attempt CASCADE")
    path = sqlite_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as file:
        file.execute("DROP VIEW invite_status")
    file.close()

    for one, name in ((url, "attempt"), (sqlite_url, "invite_status")):
        for command in BEFORE[2:]:
            refused(run_as_operator(one, command), f"lacks {name}", "restore a backup")


def test_tables_in_a_schema_that_another_hides_are_found(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """A schema of the role's own name comes first as soon as it is there: nothing is made in it."""
    role = foreign_server.role()
    url = migrated(foreign_server.database("GRANT ALL ON SCHEMA public TO {}", role=role))
    execute(url.replace(f"{role}@", "postgres@"), f"CREATE SCHEMA AUTHORIZATION {role}")

    for command in BEFORE:
        refused(
            run_as_operator(url, command),
            "are in the schema public",
            f"ALTER ROLE {role} SET search_path = public",
        )


def test_what_passes_by_is_no_mistake_of_the_operator(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """No such database or role, no connection left: exit 69, the server's words, and it is tried again."""
    role = foreign_server.role("ALTER ROLE {} CONNECTION LIMIT 0")
    url = foreign_server.database()
    for one, words in (
        (f"{url.partition('?')[0]}x?{url.partition('?')[2]}", "does not exist"),
        (as_role(url, "nobody_here"), "nobody_here"),
        (as_role(url, role), "too many connections"),
    ):
        for command in ("upgrade", "current", "status", "run-once", "add"):
            said = run_as_operator(one, command)
            assert said.code == 69, said
            assert words in said.line


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("57P03", "the database system is starting up"),
        ("53300", "sorry, too many clients already"),
        ("28P01", 'password authentication failed for user "u"'),
        ("28000", "no pg_hba.conf entry for host"),
    ],
)
def test_a_server_that_turns_us_away_is_waited_for(
    state: str, words: str, run_as_operator: RunAsOperator
) -> None:
    """Exit 69 and its words: it may let us in later, and a password may be exchanged in between."""
    with turning_away(state, words) as port:
        for command in ("upgrade", "status", "run-once"):
            said = run_as_operator(f"postgresql://u:Zq9-canary@127.0.0.1:{port}/d?sslmode=disable", command)
            assert said.code == 69
            assert words in said.line
            assert "Zq9" not in said.err


def test_a_server_that_takes_no_writes_says_what_it_is(
    foreign_server: ForeignServer, run_as_operator: RunAsOperator
) -> None:
    """A standby is read; what writes ends with 69 and the way to the primary."""
    role = foreign_server.role()
    url = migrated(foreign_server.database("GRANT ALL ON SCHEMA public TO {}", role=role))
    execute(url, f"ALTER ROLE {role} SET default_transaction_read_only = on")

    assert run_as_operator(url, "status").code == 0
    said = run_as_operator(url, "add")
    assert said.code == 69
    assert "read-only" in said.line
    assert "standby" in said.line


def test_the_service_ends_instead_of_being_started_again_and_again(foreign_server: ForeignServer) -> None:
    """What a restart does not repair is 78, for which the unit does not restart."""
    role = foreign_server.role()
    url = as_role(migrated(foreign_server.database()), role)

    ended = subprocess.run(
        [sys.executable, "-m", "worker", "run"],
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    refused(CommandResult(ended.returncode, ended.stdout, ended.stderr), "permission denied", f"TO {role}")
