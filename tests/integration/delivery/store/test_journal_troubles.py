"""What the journal does when the database does not take what it is given."""

from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.database_away import ClosedServer, LockedFile
from tests.integration.delivery.journal_with_rows import BACK_OFF, JournalWithRows
from worker.clock import boot_clock
from worker.database import Database
from worker.database.failures import DATABASE_ERRORS
from worker.delivery.store.claims import Claims, Lease
from worker.delivery.store.journal import Journal
from worker.delivery.store.verdicts import Stored, Verdicts
from worker.errors import DatabaseUnreachable
from worker.failpoints import armed


@pytest.fixture
def away(database: Database, postgresql_server: str) -> Iterator[LockedFile | ClosedServer]:
    """Give a way for the database to go away."""
    made = LockedFile(database.url) if database.is_sqlite else ClosedServer(database.url, postgresql_server)
    yield made
    made.come_back()
    made.close()


def test_verdicts_outlast_a_database_that_is_away(
    database_url: str, journal_with_rows: JournalWithRows, away: LockedFile | ClosedServer
) -> None:
    """Claims get the error; verdicts are offered until it is back, and then stored."""
    patient = Database(
        f"{database_url}?timeout=0.2" if journal_with_rows.database.is_sqlite else database_url
    )
    journal_with_rows.verdicts = Verdicts(
        patient,
        journal := Journal(patient, most_aside=8, stop=journal_with_rows.stop),
        BACK_OFF,
        first_look=5,
    )
    journal_with_rows.claims = Claims(
        patient, journal, host="h", lease=Lease(60, 15), run_id="run", clock=boot_clock
    )
    attempts = journal_with_rows.claimed(3)
    away.go()
    told = [journal_with_rows.hand_over(*attempt) for attempt in attempts]
    with pytest.raises(DatabaseUnreachable):
        journal_with_rows.claim(journal_with_rows.rows[3])
    assert journal.in_hand == 3
    away.come_back()

    assert [one.get(timeout=60) for one in told] == [Stored.SETTLED] * 3
    journal.close()
    patient.dispose()


SQLITE_REFUSES = """
CREATE TRIGGER refuse BEFORE UPDATE ON delivery WHEN NEW.envoy_invite_id = 'refused'
BEGIN SELECT RAISE(ABORT, 'refused'); END
"""
POSTGRESQL_REFUSES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON delivery FOR EACH ROW
WHEN (NEW.envoy_invite_id = 'refused') EXECUTE FUNCTION refuse()
"""
CONFLICTING = """
CREATE SEQUENCE conflicts;
CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF nextval('conflicts') < 5 THEN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END IF;
RETURN NEW; END $$;
CREATE TRIGGER conflict BEFORE UPDATE ON delivery FOR EACH ROW EXECUTE FUNCTION conflict()
"""


def test_a_verdict_that_is_refused_for_its_own_sake_stops_no_other(
    journal_with_rows: JournalWithRows,
) -> None:
    """The others of its group are stored at once; it is told, with the error, when its patience is over."""
    with journal_with_rows.database.write() as connection:
        connection.exec_driver_sql(
            SQLITE_REFUSES if journal_with_rows.database.is_sqlite else POSTGRESQL_REFUSES
        )
    refused, *others = journal_with_rows.claimed(3)
    with journal_with_rows.busy():
        told = journal_with_rows.hand_over(*refused, envoy_id="refused", seconds=0)
        after = [journal_with_rows.hand_over(*attempt) for attempt in others]
        claim = journal_with_rows.claiming(journal_with_rows.rows[3])

    assert [one.get(timeout=30) for one in after] == [Stored.SETTLED] * 2
    assert claim.result() is not None
    assert isinstance(told.get(timeout=30), DATABASE_ERRORS)
    assert journal_with_rows.statuses()[:4] == ["sending", "sent", "sent", "sending"]


def test_a_database_that_goes_away_amid_a_group_costs_no_verdict_its_id(
    journal_with_rows: JournalWithRows,
) -> None:
    """Two bring one id, so that all are done one by one; those that then meet no database wait for it."""
    attempts = journal_with_rows.claimed(4)

    def away() -> NoReturn:
        raise DatabaseUnreachable("it went away")

    # The third commit: after what keeps the journal busy, and the first of the verdicts.
    with armed("before_group_commit", nth=3, action=away):
        with journal_with_rows.busy():
            told = [
                journal_with_rows.hand_over(*one, envoy_id=key)
                for one, key in zip(attempts, "7789", strict=True)
            ]
            claim = journal_with_rows.claiming(journal_with_rows.rows[4])
        came = [one.get(timeout=30) for one in told]

    assert came == [Stored.SETTLED, Stored.ID_TAKEN, Stored.SETTLED, Stored.SETTLED]
    assert isinstance(claim.exception(), DatabaseUnreachable), "and not that its twin is in doubt"


def test_a_conflict_of_one_entry_is_done_again(postgresql_url: str) -> None:
    """What PostgreSQL rolled back for another's sake is offered again; nobody is told of it."""
    database = Database(postgresql_url)
    journal_with_rows = JournalWithRows(database, 2)
    with database.write() as connection:
        connection.exec_driver_sql(CONFLICTING)
    with journal_with_rows.busy():
        claims = [journal_with_rows.claiming(row) for row in journal_with_rows.rows]

    assert all(claim.result() for claim in claims)
    journal_with_rows.close()
    database.dispose()
