"""The databases that tests take in turn: each is as good as new."""

import psycopg
import pytest

from tests.postgresql import Databases

INSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES ('acme', 'v-1', 'Visitor', 'Berlin', '2031-05-06T10:00:00Z')"
)
CHANGES = {
    "a trigger": "ALTER TABLE invite DISABLE TRIGGER USER",
    "a column": "ALTER TABLE invite ADD COLUMN extra text",
    "a check": "ALTER TABLE invite ADD CONSTRAINT few CHECK (id < 9)",
    "a right": "GRANT SELECT ON invite TO PUBLIC",
    "a view": "CREATE OR REPLACE VIEW invite_status AS SELECT * FROM invite_status_old",
    "a schema": "CREATE SCHEMA another",
    "a row of the schema's own": "DELETE FROM schema_compatibility",
}


GROWN = """
    INSERT INTO attempt (id, delivery_id, kind, revision, fencing_token, run_id, owner, started_at, detail)
    SELECT md5(n::text), 1, 'create', 1, 1, 'r', 'o', now(), repeat(md5(n::text), 10)
      FROM generate_series(1, 30000) AS n
"""


def one(url: str, statement: str) -> tuple[object, ...] | None:
    """Return the first row of a query."""
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchone()


def test_a_database_that_is_lent_again_has_no_rows_and_counts_from_one(
    postgresql_databases: Databases,
) -> None:
    """What a test left behind is gone, also where somebody still was connected."""
    with postgresql_databases.fresh() as url:
        lingering = psycopg.connect(url)
        lingering.execute(INSERT.encode())
        lingering.commit()
    with postgresql_databases.fresh() as again:
        assert again == url
        assert one(again, "SELECT 1 FROM delivery") is None
        assert one(again, f"{INSERT} RETURNING id") == (1,)
    lingering.close()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_database_that_is_not_the_same_any_more_is_not_lent_again(
    postgresql_databases: Databases, change: str
) -> None:
    """A changed schema would make the next test see what is not there."""
    with postgresql_databases.fresh() as url, psycopg.connect(url) as connection:
        if "invite_status_old" in change:
            connection.execute(b"ALTER VIEW invite_status RENAME TO invite_status_old")
        connection.execute(change.encode())
    with postgresql_databases.fresh() as another:
        assert another != url


def test_a_database_that_was_changed_back_is_lent_again(postgresql_databases: Databases) -> None:
    """What is the same again need not be made again; what is changed later is seen all the same."""
    back = b"ALTER TABLE host RENAME TO another; ALTER TABLE another RENAME TO host"
    lent = []
    for change in (back, back, b"ALTER TABLE invite DISABLE TRIGGER USER", b"SELECT 1"):
        with postgresql_databases.fresh() as url, psycopg.connect(url) as connection:
            lent.append(url)
            connection.execute(change)

    assert lent[0] == lent[1] == lent[2] != lent[3]


def test_a_database_that_has_grown_is_not_lent_again(postgresql_databases: Databases) -> None:
    """What was deleted stays in its files, and would slow every test after it down."""
    with postgresql_databases.fresh() as url, psycopg.connect(url) as connection:
        connection.execute(INSERT.encode())
        connection.execute(GROWN.encode())
    with postgresql_databases.fresh() as another:
        assert another != url
