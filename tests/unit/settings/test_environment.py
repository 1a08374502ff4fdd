"""The environment beats the file, and a variable that names no setting is refused."""

import os
from pathlib import Path
from typing import Any

import pytest

from worker.errors import SettingsError
from worker.settings import environment, load_settings
from worker.settings.loading import build

JOBS: dict[str, Any] = {"jobs": {"push_invites": {"run": "jobs.push_invites:run", "every": 5}}}


def problem(env: dict[str, str], tables: dict[str, Any] | None = None) -> str:
    """Return the one line that this environment is refused with."""
    with pytest.raises(SettingsError) as caught:
        build(tables if tables is not None else JOBS, env)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "section", "key", "value"),
    [
        ("WORKER_PUSH__CONCURRENCY", "3", "push", "concurrency", 3),
        ("WORKER_PUSH__RATE_PER_SECOND", "0.5", "push", "rate_per_second", 0.5),
        ("WORKER_PUSH__BACKOFF_SECONDS", "[1, 2.5]", "push", "backoff_seconds", (1.0, 2.5)),
        ("WORKER_RECONCILE__LOOK_UP_AFTER", "[0.1, 1]", "reconcile", "look_up_after", (0.1, 1.0)),
        ("WORKER_ENVOY__SCOPES", '["invites.write", "token.refresh"]', "envoy", "scopes",
         ("invites.write", "token.refresh")),
        ("WORKER_ENVOY__PKCE", "false", "envoy", "pkce", False),
        ("WORKER_LOG__LEVEL", "debug", "log", "level", "debug"),
        ("WORKER_DATABASE__FILE_MODE", "0640", "database", "file_mode", "0640"),
        ("WORKER_DATABASE__FILE_MODE", "640", "database", "file_mode", "640"),
        ("WORKER_DATABASE__URL", "sqlite:///other.db", "database", "url", "sqlite:///other.db"),
    ],
)  # fmt: skip
def test_a_variable_beats_the_file(name: str, text: str, section: str, key: str, value: object) -> None:
    """Numbers, lists and flags are read as JSON, all else is text."""
    settings = build(JOBS, {name: text})

    assert getattr(getattr(settings, section), key) == value


def test_a_job_s_schedule_and_parameters_are_overridable() -> None:
    """A job's own keys are, too; a table is written as JSON."""
    env = {
        "WORKER_JOBS__PUSH_INVITES__EVERY": "60",
        "WORKER_JOBS__PUSH_INVITES__LIMITS": '{"acme": 5}',
        "WORKER_JOBS__NIGHTLY": '{"run": "jobs.nightly:run", "cron": "0 3 * * sun"}',
    }

    jobs = build(JOBS, env).jobs

    assert jobs["push_invites"].every == 60
    assert jobs["push_invites"].parameters == {"limits": {"acme": 5}}
    assert jobs["nightly"].cron == "0 3 * * sun"


def test_reading_the_environment_changes_no_table_of_the_caller() -> None:
    """The tables that were read from the file stay as they are."""
    build(JOBS, {"WORKER_JOBS__PUSH_INVITES__EVERY": "60", "WORKER_PUSH__CONCURRENCY": "3"})

    assert JOBS == {"jobs": {"push_invites": {"run": "jobs.push_invites:run", "every": 5}}}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("WORKER_PUSH__CONCURENCY", "WORKER_PUSH__CONCURRENCY"),
        ("WORKER_PUSHH__CONCURRENCY", "WORKER_PUSH__CONCURRENCY"),
        ("WORKER_LOG__FORMATS", "WORKER_LOG__FORMAT"),
        ("WORKER_JOBS__PUSH_INVITE__EVERY", "push_invites"),
    ],
)
def test_a_variable_that_names_no_setting_is_refused(name: str, nearest: str) -> None:
    """A typo must not be silently without effect; the line names the nearest."""
    assert problem({name: "5"}) == f"{name}: no such setting; did you mean {nearest}?"


@pytest.mark.parametrize(
    "name", ["WORKER_X__Y", "WORKER_JOBS__PUSH_INVITES", "WORKER_JOBS__PUSH_INVITES__A__B"]
)
def test_a_variable_that_resembles_nothing_is_refused_too(name: str) -> None:
    """With two underscores it means a setting, and there is none of this name."""
    assert problem({name: "5"}).startswith(f"{name}: no such setting")


def test_other_variables_are_left_alone() -> None:
    """Secrets, the file's name and other programs' variables are no settings."""
    env = {"WORKER_ENCRYPTION_KEYS": "k", "WORKER_SETTINGS": "s", "MY_WORKER_PUSH__X": "1", "PATH": "/bin"}

    assert build(JOBS, env) == build(JOBS, {})


def test_a_wrong_value_is_named_by_its_key_and_not_shown() -> None:
    """The value might be a secret that was pasted into the wrong variable."""
    line = problem({"WORKER_PUSH__CONCURRENCY": "hunter2"})

    assert line.startswith("push.concurrency: ")
    assert "hunter2" not in line


@pytest.mark.parametrize("tables", [{"push": 5}, {"jobs": 5}, {"jobs": {"push_invites": 5}}])
def test_an_override_of_a_broken_table_is_a_line_not_a_traceback(tables: dict[str, Any]) -> None:
    """The file's own mistake is named."""
    env = {"WORKER_PUSH__CONCURRENCY": "3", "WORKER_JOBS__PUSH_INVITES__EVERY": "60"}

    assert problem(env, tables)


def test_the_file_is_the_one_that_the_variable_names(tmp_path: Path) -> None:
    """WORKER_SETTINGS names another file than settings.toml."""
    path = tmp_path / "other.toml"
    path.write_text("[push]\nconcurrency = 4\n", encoding="utf-8")

    assert load_settings({"WORKER_SETTINGS": str(path)}).push.concurrency == 4


def test_the_environment_beats_dot_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file .env is for development; what the process was given counts more."""
    (tmp_path / ".env").write_text("A_OF_BOTH=file\nB_OF_FILE='x y'\nC_EMPTY\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_OF_BOTH", "process")

    env = environment()

    assert env["A_OF_BOTH"] == "process"
    assert env["B_OF_FILE"] == "x y"
    assert "C_EMPTY" not in env


def test_without_dot_env_there_is_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is optional."""
    monkeypatch.chdir(tmp_path)

    assert environment() == dict(os.environ)


def test_a_dot_env_that_cannot_be_read_is_a_line_not_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are not shown: it holds secrets."""
    (tmp_path / ".env").write_bytes(b"ENVOY_CLIENT_SECRET=hunter2\xff\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match=r"\.env: cannot be read") as caught:
        environment()

    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None
