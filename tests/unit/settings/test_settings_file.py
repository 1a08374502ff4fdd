"""settings.toml holds every setting with its default and a comment, and its mistakes are named by key."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from worker.errors import SettingsError
from worker.settings import Settings, load_settings, load_toml
from worker.settings.loading import build

FILE = Path(__file__).parents[3] / "settings.toml"
TEXT = FILE.read_text(encoding="utf-8")
PUSH: dict[str, Any] = {"run": "jobs.push_invites:run", "every": 5}


def keys_of_the_model() -> Iterator[tuple[str, str, object]]:
    """Yield section, key and default of every setting but the jobs."""
    for section, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for key, setting in model.model_fields.items():
                yield section, key, setting.default


def problem(tables: dict[str, Any], env: dict[str, str] | None = None) -> str:
    """Return the one line that these settings are refused with."""
    with pytest.raises(SettingsError) as caught:
        build(tables, env or {})
    assert int(caught.value.exit_code) == 78
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_file_gives_the_defaults_of_the_code() -> None:
    """Anyone who deletes a line of settings.toml, or all of it, changes nothing."""
    from_file = build(load_toml(FILE), {}).model_dump(exclude={"jobs"})

    assert from_file == Settings().model_dump(exclude={"jobs"})


@pytest.mark.parametrize(("section", "key"), [(section, key) for section, key, _ in keys_of_the_model()])
def test_every_setting_stands_in_the_file_with_a_comment(section: str, key: str) -> None:
    """The file is the reference: each key has its default, and a comment beside or above it."""
    table = re.search(rf"^\[{section}\]\n(.*?)(?=^\[|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert table is not None

    lines = table[1].splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"{key} = "))
    above = lines[at - 1] if at else ""
    assert " # " in lines[at] or above.startswith("# ")


def test_the_file_registers_jobs_with_one_schedule_each() -> None:
    """Each job of the file passes the checks, and keeps its own parameters."""
    jobs = build(load_toml(FILE), {}).jobs

    assert "push_invites" in jobs
    assert jobs["refresh_directory"].parameters == {"max_age": 3600, "readers": 6}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The line names the file, the hint the variable that would name another."""
    with pytest.raises(SettingsError, match="no such settings file") as caught:
        load_settings({"WORKER_SETTINGS": str(tmp_path / "absent.toml")})

    assert "absent.toml" in str(caught.value)
    assert "WORKER_SETTINGS" in caught.value.hint


def test_a_file_that_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    """The line says where the mistake is."""
    path = tmp_path / "broken.toml"
    path.write_text("[push]\nconcurrency = = 8\n", encoding="utf-8")

    with pytest.raises(SettingsError, match=r"broken\.toml: no valid TOML: .*line 2"):
        load_toml(path)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 3000 + "]" * 3000])
def test_a_value_that_is_too_much_is_no_traceback(tmp_path: Path, value: str) -> None:
    """The line names the file, and quotes nothing."""
    path = tmp_path / "much.toml"
    path.write_text(f"x = {value}\n", encoding="utf-8")

    with pytest.raises(SettingsError, match=r"much\.toml: has a number too long, or lists nested too deep"):
        load_toml(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A directory, or a file in another encoding, is no traceback."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# caf\xe9\n")

    for path in (tmp_path, latin):
        with pytest.raises(SettingsError, match="cannot be read"):
            load_toml(path)


@pytest.mark.parametrize(
    ("tables", "line"),
    [
        ({"push": {"concurency": 8}}, "push.concurency: no such setting; did you mean concurrency?"),
        ({"pusch": {}}, "pusch: no such setting; did you mean push?"),
        ({"push": {"concurrency": "many"}}, "push.concurrency: "),
        ({"push": {"concurrency": 0}}, "push.concurrency: "),
        ({"push": 5}, "push: "),
        ({"jobs": 5}, "jobs: "),
        ({"jobs": {"push_invites": 5}}, "jobs.push_invites: "),
        ({"log": {"format": "xml"}}, "log.format: Input should be 'auto', 'json' or 'console'"),
        ({"database": {"file_mode": "rw"}}, "database.file_mode: must be an octal mode"),
        ({"envoy": {"scopes": ["two words"]}}, "envoy.scopes.0: "),
        ({"push": {"backoff_seconds": [900, 5]}}, "push.backoff_seconds: must be [least, most]"),
        ({"push": {"backoff_seconds": [5]}}, "push.backoff_seconds"),
        ({"push": {"hold_seconds": [5, float("inf")]}}, "push.hold_seconds.1: "),
        ({"reconcile": {"look_up_after": [float("nan")]}}, "reconcile.look_up_after.0: "),
        ({"push": {"rate_per_second": float("inf")}}, "push.rate_per_second: "),
        ({"retention": {"personal_days": True}}, "retention.personal_days: must be a number of days"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_key(tables: dict[str, Any], line: str) -> None:
    """One line that begins with the key, and the nearest key where it is a typo."""
    assert problem(tables).startswith(line)


@pytest.mark.parametrize("key", ["api_url", "authorize_url", "token_url", "redirect_uri"])
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://envoy.example", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("ftp://envoy.example", "absolute http"),
        ("envoy.example/path", "absolute http"),
        ("https://", "absolute http"),
        ("https://envoy.example/#top", "without a fragment"),
        ("https://envoy.example/a b", "absolute http"),
        ("https://user:hunter2@envoy.example", "must not hold a user name"),
        ("https://user:hunter2@[::1", "is no URL"),
        ("https://envoy.example:99999", "is no URL"),
    ],
)
def test_an_address_that_would_leak_tokens_is_refused(key: str, url: str, why: str) -> None:
    """Tokens travel over https, or within this host; the address itself is not shown."""
    line = problem({"envoy": {key: url}})

    assert line.startswith(f"envoy.{key}: ")
    assert why in line
    assert "hunter2" not in line


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_plain_http_is_fine_on_loopback(host: str) -> None:
    """The sandbox needs no certificate."""
    assert build({"envoy": {"api_url": f"http://{host}"}}, {}).envoy.api_url == f"http://{host}"


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1//"])
@pytest.mark.parametrize("prefix", ["", "/rest", "/proxy/envoy", "/v10", "/v1x", "/v1/envoy"])
def test_a_base_address_may_end_in_its_version(prefix: str, end: str) -> None:
    """Envoy's own documentation writes it so; any other path is kept before the paths of the API."""
    envoy = build({"envoy": {"api_url": f"https://x.example{prefix}{end}"}}, {}).envoy

    assert envoy.api_url == f"https://x.example{prefix}"


def test_a_redirect_uri_is_kept_to_the_byte() -> None:
    """Envoy compares it with the registered one, so a slash at its end stays; a base address loses it."""
    envoy = build(
        {"envoy": {"redirect_uri": "https://x.example/cb/", "api_url": "https://x.example/"}}, {}
    ).envoy

    assert envoy.redirect_uri == "https://x.example/cb/"
    assert envoy.api_url == "https://x.example"


def test_a_lease_outlives_its_request() -> None:
    """A lease that ends before the request could be answered would make every slow answer unknown."""
    line = problem({"push": {"request_timeout_seconds": 20, "lease_seconds": 21}})

    assert line == "push: lease_seconds must be more than request_timeout_seconds + 1"


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ({"run": "jobs.x:run"}, "needs either every (seconds) or cron"),
        ({**PUSH, "cron": "0 6 * * mon"}, "needs either every (seconds) or cron"),
        ({"run": "jobs.x:run", "cron": "0 6 * * 1"}, "weekdays by name"),
        ({"run": "jobs.x:run", "cron": "0 6 * *"}, "five fields"),
        ({"run": "jobs.x", "every": 5}, "jobs.x.run"),
        ({"run": "jobs.x:run", "every": 0}, "jobs.x.every"),
        ({"run": "jobs.x:run", "every": float("inf")}, "jobs.x.every"),
        ({"run": "jobs.x:run", "every": 1e12}, "jobs.x.every"),
        ({**PUSH, "jitter": 1e12}, "jobs.x.jitter"),
        ({"every": 5}, "jobs.x.run"),
    ],
)
def test_a_job_needs_a_function_and_one_schedule(job: dict[str, Any], why: str) -> None:
    """Numbers of weekdays are refused, since cron and APScheduler count them differently."""
    line = problem({"jobs": {"x": job}})

    assert line.startswith("jobs.x")
    assert why in line


def test_a_schedule_by_weekday_names_is_accepted() -> None:
    """Names mean the same to everyone."""
    settings = build({"jobs": {"x": {"run": "jobs.x:run", "cron": "30 6 1 * mon-fri"}}}, {})

    assert settings.jobs["x"].cron == "30 6 1 * mon-fri"


def test_all_mistakes_are_kept_for_check() -> None:
    """The line shows the first one; `check` prints them all."""
    with pytest.raises(SettingsError) as caught:
        build({"push": {"concurrency": 0, "typo": 1}, "log": {"level": "loud"}}, {})

    assert len(caught.value.problems) == 3
    assert "2 more" in str(caught.value)


def test_the_file_is_plain_toml() -> None:
    """Any TOML reader can read it."""
    assert tomllib.loads(TEXT)
