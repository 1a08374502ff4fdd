"""Read settings.toml and the environment; name every mistake by its key."""

import difflib
import io
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError

from worker.errors import SettingsError
from worker.settings.model import Settings
from worker.settings.plain import NotPlain
from worker.settings.trust import read_trusted

PREFIX = "WORKER_"
FILE_VARIABLE = "WORKER_SETTINGS"
DEFAULT_FILE = "settings.toml"
DOT_ENV = ".env"


def environment() -> dict[str, str]:
    """Return the process's environment, with the lines of a ``.env`` file beneath it.

    Raises:
        SettingsError: there is a ``.env`` file, and it cannot be read or may not be trusted.
    """
    if not os.path.exists(DOT_ENV):  # noqa: PTH110 -- false, too, in a folder that we may not look into
        return dict(os.environ)
    lines = dotenv_values(stream=io.StringIO(_text(Path(DOT_ENV))))
    return {**{name: value for name, value in lines.items() if value is not None}, **os.environ}


def load_settings(env: Mapping[str, str]) -> Settings:
    """Return the settings of this working directory and environment.

    Raises:
        SettingsError: with one line per mistake in ``problems``.
    """
    return build(load_toml(Path(env.get(FILE_VARIABLE, DEFAULT_FILE))), env)


def load_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        SettingsError: it is missing, unreadable, no TOML, or may not be trusted.
    """
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: no valid TOML: {error}") from None
    except (ValueError, RecursionError):
        # Its text may hold what stands in the file.
        raise SettingsError(f"{path}: has a number too long, or lists nested too deep, to be read") from None


def _text(path: Path) -> str:
    """Return what a file says that may be trusted; its bytes are in no error, for they may be secrets."""
    hint = ""
    try:
        return read_trusted(path, str(path))
    except NotPlain as flaw:
        message = f"cannot be read: it {flaw}"
    except FileNotFoundError:
        message = "no such settings file"
        hint = f"run in the directory of {DEFAULT_FILE}, or name the file in {FILE_VARIABLE}"
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot be read ({type(error).__name__})"
    raise SettingsError(f"{path}: {message}", hint=hint)


def build(tables: Mapping[str, Any], env: Mapping[str, str]) -> Settings:
    """Return *tables* with the environment's overrides, checked."""
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in tables.items()}
    problems = [problem for name in sorted(env) for problem in _override(merged, name, env[name])]
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        problems += [_describe(dict(item)) for item in error.errors(include_url=False, include_input=False)]
    if problems:
        more = f" (and {len(problems) - 1} more: run `check`)" if len(problems) > 1 else ""
        raise SettingsError(problems[0] + more, problems=problems)
    return settings


def _override(tables: dict[str, Any], name: str, text: str) -> Iterator[str]:
    """Put one variable into *tables*; yield what is wrong with its name."""
    section, *keys = name.removeprefix(PREFIX).lower().split("__")
    if not name.startswith(PREFIX) or not keys:
        return
    table = tables.get(section, {})
    if not isinstance(table, dict):
        return  # the file is wrong here, and the model says so
    if section == "jobs":
        yield from _override_job(tables.setdefault(section, table), name, keys, _value(text))
        return
    model = _section_model(section)
    if model is None or len(keys) != 1 or keys[0] not in model.model_fields:
        known = [f"{PREFIX}{s}__{k}".upper() for s, k in _known_keys()]
        yield f"{name}: no such setting{_nearest(name, known)}"
        return
    tables[section] = {**table, keys[0]: _value(text)}


def _override_job(jobs: dict[str, Any], name: str, keys: list[str], value: object) -> Iterator[str]:
    """Put one key of a registered job, or a whole job as a JSON table, into *jobs*."""
    job, *key = keys
    if not key and isinstance(value, dict):
        jobs[job] = value
    elif len(key) == 1 and isinstance(jobs.get(job), dict):
        jobs[job] = {**jobs[job], key[0]: value}
    else:
        yield f"{name}: no such setting{_nearest(job, jobs)}"


def _value(text: str) -> Any:  # noqa: ANN401 -- JSON is anything
    """Read lists, tables, numbers and booleans as JSON; all else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _section_model(name: str) -> type[BaseModel] | None:
    field = Settings.model_fields.get(name)
    model = field.annotation if field else None
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _known_keys() -> Iterator[tuple[str, str]]:
    for section in Settings.model_fields:
        model = _section_model(section)
        for key in model.model_fields if model else ():
            yield section, key


def _nearest(word: str, known: Any) -> str:  # noqa: ANN401 -- any iterable of names
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)
    return f"; did you mean {matches[0]}?" if matches else ""


def _describe(item: dict[str, Any]) -> str:
    """Say in one line which key is wrong and why, never with its value."""
    path = [str(part) for part in item["loc"]]
    key = ".".join(path)
    if item["type"] == "extra_forbidden":
        known = Settings.model_fields if len(path) == 1 else [k for s, k in _known_keys() if s == path[0]]
        nearest = _nearest(path[-1], known)
        return f"{key}: no such setting{nearest}"
    return f"{key}: {item['msg'].removeprefix('Value error, ')}"
