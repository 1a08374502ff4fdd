"""URLs as other libraries and services write them, on real servers."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests import pgbouncer
from tests.foreign_databases import RunAsOperator

OPTIONS = (
    "pgbouncer=true&connection_limit=1",
    "schema=public&pool_timeout=10",
    "conn_max_age=600",
    "pool=5&prepared_statements=false",
    "application_name=worker&connect_timeout=5&options=-c%20geqo%3Doff",
)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_another_library_s_url_leads_to_the_server(
    scheme: str, postgresql_url: str, run_as_operator: RunAsOperator
) -> None:
    """Its driver and its options are no hindrance."""
    url = f"{scheme}:{postgresql_url.partition(':')[2]}"

    assert [run_as_operator(f"{url}&{options}", "status").code for options in OPTIONS] == [0] * len(OPTIONS)


def test_a_socket_s_folder_may_stand_where_a_host_does(
    postgresql_url: str, run_as_operator: RunAsOperator
) -> None:
    """As libpq has it, with its slashes escaped."""
    parts = urlsplit(postgresql_url)
    folder = parse_qs(parts.query)["host"][0]

    assert run_as_operator(f"postgresql://postgres@{quote(folder, safe='')}{parts.path}", "status").code == 0


def test_of_several_hosts_the_first_that_answers_is_taken(
    pooler: str, postgresql_url: str, run_as_operator: RunAsOperator
) -> None:
    """Each with its own port."""
    url = pgbouncer.through(pooler, postgresql_url)

    assert run_as_operator(url.replace("@", "@127.0.0.1:1,"), "status").code == 0


def test_a_demand_that_the_server_does_not_meet_is_told_in_its_words(
    pooled_url: str, run_as_operator: RunAsOperator
) -> None:
    """TLS is not given up silently; exit 69, as for any server that cannot be reached."""
    for option in ("ssl=true", "sslmode=verify-full&sslrootcert=system", "ssl=require"):
        said = run_as_operator(f"{pooled_url}?{option}", "status")
        assert said.code == 69
        assert "SSL" in said.line


@pytest.mark.parametrize("scheme", ["sqlite+aiosqlite", "sqlite+pysqlite", "sqlite3"])
def test_another_library_s_url_leads_to_the_file(
    scheme: str, sqlite_url: str, run_as_operator: RunAsOperator
) -> None:
    """With an option of that library."""
    url = sqlite_url.replace("sqlite", scheme, 1)

    assert run_as_operator(f"{url}?check_same_thread=false", "status").code == 0


def test_an_option_that_nobody_knows_is_one_line(
    postgresql_url: str, sqlite_url: str, run_as_operator: RunAsOperator
) -> None:
    """Exit 78, with its name and nothing else of the URL, whatever the command."""
    for url in (f"{postgresql_url}&sslmod=Zq9", f"{sqlite_url}?sslmod=Zq9"):
        for command in ("upgrade", "current", "status", "run-once", "add"):
            said = run_as_operator(url, command)
            assert said.code == 78
            assert "the option sslmod is not known" in said.line
            assert "Zq9" not in said.err
        assert "the option sslmod is not known" in run_as_operator(url, "check").out
