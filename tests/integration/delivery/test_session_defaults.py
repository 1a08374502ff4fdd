"""What a server, a database or a role sets for every session changes nothing of what the worker does."""

from datetime import UTC, datetime, timedelta

import pytest
import structlog

from tests import pgbouncer
from tests.foreign_databases import ForeignServer, RunAsOperator, execute, migrated
from tests.integration.delivery.conftest import MakeWorker
from worker.sandbox import Sandbox

DEFAULTS = {
    "TimeZone": "FOO+3",  # which no list of zones has
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "client_min_messages": "debug1",
    "extra_float_digits": "-15",
    "client_encoding": "LATIN1",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "row_security": "off",
    "array_nulls": "off",
}
ARRIVAL = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)


@pytest.fixture(params=["SQL, DMY", "German", "Postgres, MDY"])
def direct_url(request: pytest.FixtureRequest, foreign_server: ForeignServer) -> str:
    """Give a database whose defaults are as odd as can be, and one of the forms of times that there are."""
    style: str = request.param
    url = foreign_server.database()
    name = url.partition("?")[0].rpartition("/")[2]
    for key, value in {**DEFAULTS, "DateStyle": style}.items():
        execute(url, f"ALTER DATABASE {name} SET {key} = '{value}'")
    return migrated(url)


@pytest.fixture(params=[False, True], ids=["direct", "pooled"])
def database_url(request: pytest.FixtureRequest, direct_url: str) -> str:
    """Give that database, directly and behind a pooler."""
    return pgbouncer.through(request.getfixturevalue("pooler"), direct_url) if request.param else direct_url


def test_the_defaults_of_sessions_change_nothing(
    database_url: str, make_worker: MakeWorker, sandbox: Sandbox, run_as_operator: RunAsOperator
) -> None:
    """A visit is sent with its time and its letters, and what is shown is as ever."""
    worker = make_worker()
    with structlog.testing.capture_logs() as logs:
        worker.connect()
        worker.add("v-1", invitee_name="\u0141\u00f3d\u017a \\n", expected_arrival_at=ARRIVAL.isoformat())
        report = worker.push()

    assert dict(+report.counts) == {"sent": 1}
    assert not [line for line in logs if line["log_level"] in {"warning", "error"}]
    (invite,) = sandbox.invites()
    assert "\u0141\u00f3d\u017a \\\\n" in repr(invite)
    assert datetime.fromisoformat(invite["expectedArrivalAt"]) == ARRIVAL
    shown = run_as_operator(database_url, "list")
    assert f"{ARRIVAL:%Y-%m-%dT%H:%M:%SZ}" in shown.out
    assert "timezone" not in shown.err
    assert [run_as_operator(database_url, command).code for command in ("current", "status", "add")] == [
        0
    ] * 3
