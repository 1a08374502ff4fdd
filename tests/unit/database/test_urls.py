"""What other libraries write into the URL of a database is understood, or refused by its name alone."""

import pytest

from worker.database.urls import normalise_url
from worker.errors import SettingsError

PASSWORD = "Zq9-canary-Zq9"
HERE = f"u:{PASSWORD}@127.0.0.1:5432/worker"


@pytest.mark.parametrize(
    "option",
    [
        "pgbouncer=true&connection_limit=1",  # Prisma
        "pool_timeout=10&socket_timeout=5&statement_cache_size=0",
        "schema=public",
        "conn_max_age=600&conn_health_checks=true",  # Django
        "pool=5&encoding=unicode&prepared_statements=false&advisory_locks=false",  # Rails
        "prepareThreshold=0&reWriteBatchedInserts=true&currentSchema=public",  # JDBC
        "default_query_exec_mode=simple_protocol&pool_max_conns=4",  # pgx
        "prepared_statement_cache_size=0&async_fallback=true",  # asyncpg
        "supa=base-pooler.x&uselibpqcompat=true",
        "client_encoding=LATIN1",  # ours to set
    ],
)
def test_what_tunes_another_library_is_passed_over(option: str) -> None:
    """The server is the same one; libpq is not asked about words that it does not know."""
    assert normalise_url(f"postgresql://{HERE}?{option}") == normalise_url(f"postgresql://{HERE}")


@pytest.mark.parametrize(
    ("option", "mode"),
    [
        ("ssl=true", "require"),
        ("ssl=True", "require"),
        ("ssl=1", "require"),
        ("ssl=false", "disable"),
        ("ssl=0", "disable"),
        ("ssl=require", "require"),
        ("ssl=verify-full", "verify-full"),
        ("ssl=true&sslmode=verify-full", "verify-full"),
        ("sslmode=verify-full&ssl=true", "verify-full"),
    ],
)
def test_ssl_is_libpq_s_sslmode(option: str, mode: str) -> None:
    """The clearer of the two words wins."""
    assert dict(normalise_url(f"postgres://{HERE}?{option}").query) == {"sslmode": mode}


@pytest.mark.parametrize(
    "scheme",
    [
        "postgres",
        "postgresql+psycopg",
        "postgresql+psycopg2",
        "postgresql+psycopg2cffi",
        "postgresql+asyncpg",
        "postgresql+pg8000",
        "postgres+asyncpg",
        "postgres+psycopg2",
        "postgis",
        "pgsql",
    ],
)
def test_another_driver_s_scheme_is_the_same_server(scheme: str) -> None:
    """Which library an application uses is nothing about its database."""
    assert normalise_url(f"{scheme}://{HERE}") == normalise_url(f"postgresql://{HERE}")


@pytest.mark.parametrize("scheme", ["sqlite+aiosqlite", "sqlite+pysqlite", "sqlite3"])
def test_another_driver_s_scheme_is_the_same_file(scheme: str) -> None:
    """A relative path and an absolute one, and what tunes another library."""
    for path in ("worker.db", "/srv/worker.db"):
        options = "?check_same_thread=False&connection_limit=1&timeout=2"
        assert normalise_url(f"{scheme}:///{path}{options}") == normalise_url(f"sqlite:///{path}?timeout=2")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"postgresql://{HERE}?sslmod=require", "sslmod"),
        (f"postgresql://{HERE}?sslaccept=strict", "sslaccept"),
        (f"postgresql://{HERE}?statement_timeout=5s", "statement_timeout"),
        (f"postgresql://{HERE}?autocommit=true", "autocommit"),
        (f"postgresql://{HERE}?replication=database", "replication"),
        (f"postgresql://{HERE}?schema={PASSWORD}", "schema can only be public"),
        (f"postgresql://{HERE}?ssl={PASSWORD}", "ssl must be true or false"),
        (f"sqlite:////srv/{PASSWORD}.db?mode=ro", "mode"),
        (f"sqlite:////srv/{PASSWORD}.db?uri=true", "uri"),
        (f"sqlite:////srv/{PASSWORD}.db?sslmode=require", "sslmode"),
        (f"postgresql://{HERE}?a%20{PASSWORD}=1", "with a name that is no word"),
    ],
)
def test_an_option_that_nobody_knows_is_named(url: str, name: str) -> None:
    """Exit 78: it may be misspelt, or ask for something that would not be done; nothing else is shown."""
    with pytest.raises(SettingsError, match=name) as caught:
        normalise_url(url)

    assert PASSWORD not in f"{caught.value!r} {caught.value.hint}"
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        f"sqlite+pysqlcipher://:{PASSWORD}@/worker.db",
        f"sqlite://{PASSWORD}.db",
        f"postgresql://u:a@{PASSWORD}@h/d",
        f"postgresql:{PASSWORD}",
        f"jdbc:postgresql://{HERE}",
    ],
)
def test_an_url_that_leads_nowhere_is_not_shown(url: str) -> None:
    """An encrypted file, two slashes for three, a password whose @ is not escaped."""
    with pytest.raises(SettingsError, match=r"database\.url") as caught:
        normalise_url(url)

    assert PASSWORD not in f"{caught.value!r} {caught.value.hint}"


def test_escapes_addresses_and_folders_are_kept() -> None:
    """A password with any character, IPv6, a socket's folder both ways, no name of a database."""
    escaped = normalise_url("postgresql://u%40x:p%40%2F%25%3A%3F%23@[::1]:6432/my%20db")
    assert (escaped.username, escaped.password, escaped.host) == ("u@x", "p@/%:?#", "::1")
    assert (escaped.port, escaped.database) == (6432, "my db")
    assert normalise_url("postgresql://u@%2Fvar%2Frun/d").host == "/var/run"
    assert normalise_url("postgresql://u@/d?host=/var/run").query["host"] == "/var/run"
    assert normalise_url("postgresql://u@h").database is None


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u:p@a:1,b:2/d", "a,b", "1,2"),
        ("postgresql://u:p@a,b:2/d?sslmode=require", "a,b", ",2"),
        ("postgresql://u:p@[::1]:1,[::2]:2/d", "::1,::2", "1,2"),
        ("postgresql://u:p@/d?host=a,b&port=1,2", "a,b", "1,2"),
    ],
)
def test_several_hosts_each_have_their_port(url: str, host: str, port: str) -> None:
    """As libpq has them."""
    parsed = normalise_url(url)

    assert (parsed.query["host"], parsed.query["port"], parsed.database) == (host, port, "d")
    assert (parsed.username, parsed.password) == ("u", "p")
