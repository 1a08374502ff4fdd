"""Secrets come from the environment, a file, or systemd's credentials, and never show."""

import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import ExitCode, SettingsError
from worker.settings import Secrets
from worker.settings.loading import build

NAME = "ENVOY_CLIENT_SECRET"
CANARY = "Zq9-canary-Zq9"


def test_a_secret_comes_from_the_environment() -> None:
    """The plain variable is the first place; a stray newline is not part of it."""
    assert Secrets({NAME: "hunter2\n"}).get(NAME) == "hunter2"


def test_a_secret_comes_from_the_file_that_a_variable_names(tmp_path: Path) -> None:
    """As container platforms mount them; the newline at its end is not part of it."""
    path = tmp_path / "secret"
    path.write_text("hunter2\n", encoding="utf-8")

    assert Secrets({f"{NAME}_FILE": str(path)}).get(NAME) == "hunter2"


def test_a_secret_comes_from_systemd_s_credentials(tmp_path: Path) -> None:
    """LoadCredential= puts it into a directory that only the unit can read."""
    (tmp_path / NAME).write_text("hunter2\n", encoding="utf-8")

    assert Secrets({"CREDENTIALS_DIRECTORY": str(tmp_path)}).get(NAME) == "hunter2"


def test_the_places_are_asked_in_order(tmp_path: Path) -> None:
    """Variable, then file, then credential; an empty variable counts as not set."""
    (tmp_path / NAME).write_text("from systemd", encoding="utf-8")
    (tmp_path / "file").write_text("from file", encoding="utf-8")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert Secrets(env).get(NAME) == "from systemd"

    env[f"{NAME}_FILE"] = str(tmp_path / "file")
    assert Secrets({**env, NAME: ""}).get(NAME) == "from file"
    assert Secrets({**env, NAME: "from variable"}).get(NAME) == "from variable"


def test_a_missing_secret_is_named_with_every_place_it_could_come_from() -> None:
    """Exit 78, and a hint where to find it."""
    with pytest.raises(SettingsError) as caught:
        Secrets({}).get(NAME)

    assert caught.value.exit_code == ExitCode.SETTINGS
    assert NAME in str(caught.value)
    assert f"{NAME}_FILE" in str(caught.value)
    assert "dashboard" in caught.value.hint


def test_a_secret_that_is_not_needed_is_not_missed() -> None:
    """Anyone who only looks finds nothing, without an error."""
    assert Secrets({}).find(NAME) is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named_by_its_variable(content: bytes | None, tmp_path: Path) -> None:
    """Absent or no text: one line, without its content."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match=f"{NAME}_FILE: the file cannot be read"):
        Secrets({f"{NAME}_FILE": str(path)}).find(NAME)


def test_secrets_do_not_show_in_a_representation() -> None:
    """Neither the object nor its parts in a traceback's repr show a value."""
    assert CANARY not in repr(Secrets({NAME: CANARY}))


def test_the_database_s_url_does_not_show_in_a_representation() -> None:
    """It may hold a password."""
    settings = build({"database": {"url": f"postgresql://u:{CANARY}@h/d"}}, {})

    assert CANARY not in repr(settings)
    assert CANARY not in str(settings)


def test_all_that_must_never_be_printed_is_listed() -> None:
    """The client's secret, each encryption key, and the database's password in both its forms."""
    env = {
        NAME: "the-secret",
        "WORKER_ENCRYPTION_KEYS": "key-new, key-old",
        "DATABASE_URL": "postgres://worker:p%40ss@h/d",
    }

    assert Secrets(env).values() == ["the-secret", "key-new", "key-old", "p%40ss", "p@ss"]
    assert Secrets({"DATABASE_URL": "postgres://worker:p@[h/d"}).values() == []


KEYS = [
    "url",
    "file_mode",
    "api_url",
    "token_url",
    "scopes",
    "concurrency",
    "hold_seconds",
    "level",
    "format",
    "typo",
]
SECTIONS = ["database", "envoy", "push", "reconcile", "log", "web"]
WRAPPED = st.sampled_from([CANARY, [CANARY], {"x": CANARY}, f"https://u:{CANARY}@[h", f"http://{CANARY}/#"])


@given(st.sampled_from(SECTIONS), st.sampled_from(KEYS), WRAPPED)
def test_no_value_shows_in_a_settings_error(section: str, key: str, value: Any) -> None:
    """A secret pasted into whichever setting never shows, not even along the chain of causes."""
    try:
        settings = build({section: {key: value}}, {})
    except SettingsError as error:
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(error.problems) + error.hint
    else:
        shown = repr(settings.database)

    assert CANARY not in shown


@given(st.sampled_from(["PUSH__CONCURRENCY", "LOG__LEVEL", "ENVOY__API_URL", "X__Y", "JOBS__A__EVERY"]))
def test_no_value_of_a_variable_shows_in_a_settings_error(variable: str) -> None:
    """The same for the environment."""
    with pytest.raises(SettingsError) as caught:
        build({}, {f"WORKER_{variable}": CANARY})

    assert CANARY not in "".join(traceback.format_exception(caught.value)) + str(caught.value.problems)
