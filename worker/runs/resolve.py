"""Turn the jobs of settings.toml into functions, and check their parameters before anything runs."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from worker.errors import SettingsError
from worker.report import Report
from worker.runs.context import RunContext
from worker.runs.importing import import_job
from worker.settings import JobSettings

JobFunction = Callable[..., Report]


@dataclass(frozen=True, slots=True)
class ResolvedJob:
    """A job that is ready to run; an ``exclusive`` one runs in one process at a time."""

    name: str
    function: JobFunction
    parameters: Mapping[str, object]
    exclusive: bool
    settings: JobSettings
    preview: Callable[[RunContext], Report] | None = None  # says what a run would do, where the job can
    bounded: bool = False  # one run does a part of what is due, unless it is told to do everything
    on_arrival: bool = False  # runs at once where a caller has written, besides its schedule

    def __call__(self, context: RunContext) -> Report:
        """Run it."""
        return self.function(context, **self.parameters)


def resolve_all(jobs: Mapping[str, JobSettings]) -> dict[str, ResolvedJob]:
    """Return the registered jobs in their order.

    Raises:
        SettingsError: none is registered, a reference leads nowhere, or a parameter does not fit; it
            names every mistake.
    """
    if not jobs:
        raise SettingsError("jobs: none is registered", hint="settings.toml registers them as [jobs.NAME]")
    problems: list[str] = []
    hint = ""
    resolved: dict[str, ResolvedJob] = {}
    for name, settings in jobs.items():
        try:
            resolved[name] = _resolve(name, settings)
        except SettingsError as error:
            problems += error.problems
            hint = hint or error.hint
    if problems:
        raise SettingsError(problems[0], hint=hint, problems=problems)
    return resolved


def _resolve(name: str, settings: JobSettings) -> ResolvedJob:
    module_name, _, attribute = settings.run.partition(":")
    try:
        module = import_job(module_name)
    except ImportError as error:
        reason = str(error)
    else:
        function = getattr(module, attribute, None)
        if callable(function):
            return _job(name, settings, module, function)
        reason = f"{module_name} has no function {attribute}"
    raise SettingsError(f"jobs.{name}.run: {settings.run} leads nowhere: {reason}")


def _job(name: str, settings: JobSettings, module: ModuleType, function: JobFunction) -> ResolvedJob:
    wanted = dict(list(inspect.signature(function, eval_str=True).parameters.items())[1:])
    problems: list[str] = []
    parameters: dict[str, object] = {}
    for key, value in settings.parameters.items():
        if key not in wanted:
            known = ", ".join(wanted) or "none"
            problems.append(f"jobs.{name}.{key}: the job has no such parameter (it has: {known})")
            continue
        try:
            parameters[key] = _coerced(value, wanted[key].annotation)
        except ValidationError as error:
            problems.append(f"jobs.{name}.{key}: {error.errors(include_input=False)[0]['msg']}")
    missing = [
        key
        for key, parameter in wanted.items()
        if parameter.default is parameter.empty and key not in settings.parameters
    ]
    problems += [f"jobs.{name}.{key}: the job needs this parameter" for key in missing]
    if problems:
        raise SettingsError(problems[0], problems=problems)
    return ResolvedJob(
        name,
        function,
        parameters,
        getattr(module, "EXCLUSIVE", True),
        settings,
        preview=getattr(module, "preview", None),
        bounded=getattr(module, "BOUNDED", False),
        on_arrival=getattr(module, "ON_ARRIVAL", False),
    )


def _coerced(value: object, annotation: Any) -> object:  # noqa: ANN401 -- whatever the job says
    return TypeAdapter(annotation).validate_python(value)
