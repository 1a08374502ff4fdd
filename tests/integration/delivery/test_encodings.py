"""PostgreSQL databases whose encoding is not UTF-8: what they cannot hold harms nothing else."""

from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from tests import pgbouncer
from tests.foreign_databases import ForeignServer, RunAsOperator, migrated
from tests.integration.delivery.conftest import MakeWorker
from worker.database import Database
from worker.sandbox import Sandbox

NAME = "\u0141\u00f3d\u017a \u0417\u0430\u043b"  # Polish and Russian letters
LINES = (
    "external_id,invitee_name,notes,location,custom_fields,expected_arrival_at\n"
    "v-1,Zo\u00eb Example,\u00e4\u00f6\u00fc,Berlin,,2027-03-01T09:00:00Z\n"
    f"v-2,{NAME},,Berlin,,2027-03-01T09:00:00Z\n"
    f'v-3,Ann Example,{NAME},Berlin,"{{""{NAME}"": ""x""}}",2027-03-01T09:00:00Z\n'
    'v-4,Ann Example,,Berlin,"{""Gr\u00f6\u00dfe"": ""\u00fc""}",2027-03-01T09:00:00Z\n'
)
OPTIONS = "ENCODING '{}' LC_COLLATE 'C' LC_CTYPE 'C'"


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def database_url(request: pytest.FixtureRequest, foreign_server: ForeignServer) -> str:
    """Give a migrated database with another encoding."""
    encoding: str = request.param
    return migrated(foreign_server.database(options=OPTIONS.format(encoding)))


@pytest.fixture
def is_poor(database_url: str) -> bool:
    """Return whether the database's encoding lacks most letters."""
    with psycopg.connect(database_url) as connection:
        return connection.info.parameter_status("server_encoding") != "SQL_ASCII"


def test_what_envoy_says_is_stored(make_worker: MakeWorker, sandbox: Sandbox, is_poor: bool) -> None:
    """A location, a rejection and an error whose letters the database lacks never keep a verdict out."""
    sandbox.add_location(NAME)
    worker = make_worker()
    worker.connect()
    worker.add("v-1", invitee_name="Zo\u00eb", custom_fields='{"Gr\u00f6\u00dfe": "\u00fc"}')
    worker.add("v-2", location="Lodz Zal")

    report = worker.push()

    assert dict(+report.counts) == {"sent": 1, "rejected": 1}
    assert "Zo\u00eb" in str(sandbox.invites())
    names = {row["name"] for row in worker.rows("SELECT name FROM location")}
    assert ("?\u00f3d? ???" if is_poor else NAME) in names


def test_a_process_writes_to_databases_of_two_encodings(
    database_url: str, postgresql_url: str, is_poor: bool
) -> None:
    """Each as it takes it, whichever came first."""
    read: list[object] = []
    for url in (postgresql_url, database_url):
        database = Database(url)
        with database.write() as connection:
            read.append(connection.execute(sa.select(sa.literal({"a": NAME}, JSONB()))).scalar_one())
        database.dispose()

    assert read == [{"a": NAME}, {"a": "?\u00f3d? ???" if is_poor else NAME}]


def test_a_line_that_the_database_cannot_hold_is_rejected(
    database_url: str, run_as_operator: RunAsOperator, tmp_path: Path, is_poor: bool
) -> None:
    """It is named with its number and column, and the good lines go in."""
    file = tmp_path / "visits.csv"
    file.write_text(LINES, encoding="utf-8")

    said = run_as_operator(database_url, "import", str(file), "--connection", "acme")

    assert said.code == (3 if is_poor else 0)
    assert ("2 created" if is_poor else "4 created") in said.out
    told = [line.split("visits.csv")[1] for line in said.err.splitlines() if "encoding" in line]
    assert [line[: line.index(" has")] for line in told] == (
        [":3: invitee_name:", ":4: notes:", ":4: custom_fields:"] if is_poor else []
    )
    assert run_as_operator(database_url, "show", "acme/v-1").code == 0


def test_a_pooler_hides_nothing_of_it(
    database_url: str, pooler: str, run_as_operator: RunAsOperator, is_poor: bool
) -> None:
    """The encoding is asked for and told at the start of a connection, and poolers keep track of it."""
    pooled = pgbouncer.through(pooler, database_url)

    assert [run_as_operator(pooled, command).code for command in ("status", "add")] == [0, 0]
    assert run_as_operator(pooled, "add", "--notes", NAME).code == (3 if is_poor else 0)
    assert run_as_operator(pooled, "add", "--notes", "Zo\u00eb").code == 0
    assert "Zo\u00eb" in run_as_operator(pooled, "show", "acme/v-1").out


def test_a_visit_that_the_database_cannot_hold_is_refused(
    database_url: str, make_worker: MakeWorker, run_as_operator: RunAsOperator, is_poor: bool
) -> None:
    """By hand as well, and a default too: it is stored as it was typed, or not at all."""
    worker = make_worker()
    worker.connect()
    said = run_as_operator(database_url, "add", "--notes", NAME)

    assert said.code == (3 if is_poor else 0)
    if is_poor:
        assert "notes: has a letter that the database's encoding" in said.line
    said = run_as_operator(database_url, "set", "--default-custom-field", f"{NAME}=x")
    assert said.code == (2 if is_poor else 0)
    assert not is_poor or "default_custom_fields: has a letter" in said.line
    assert "its encoding is" in run_as_operator(database_url, "check").out


def test_bytes_of_another_encoding_keep_no_row_from_being_read(
    database_url: str, make_worker: MakeWorker, run_as_operator: RunAsOperator, is_poor: bool
) -> None:
    """A caller wrote Latin-1, and a database may not know what it holds."""
    worker = make_worker()
    worker.connect()
    worker.add("v-1", notes="Caf\u00e9")
    worker.add("v-2")
    with psycopg.connect(database_url, client_encoding="LATIN1" if is_poor else "SQL_ASCII") as caller:
        caller.execute(b"UPDATE invite SET notes = E'Caf\\xe9' WHERE external_id = 'v-1'")

    report = worker.push()

    assert dict(+report.counts) == {"sent": 2}
    for command in ("status", "list"):
        assert run_as_operator(database_url, command).code == 0
    assert ("Caf\u00e9" if is_poor else "Caf\ufffd") in run_as_operator(database_url, "show", "acme/v-1").out
