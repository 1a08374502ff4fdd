"""The shape of settings.toml: every key, its default and its bounds."""

import re
from itertools import pairwise
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
# What the clock adds to now must still be a date.
MOST_DAYS = 36_500
MOST_SECONDS = MOST_DAYS * 86_400.0
DEFAULT_SCOPES = ("locations.read", "flows.read", "invites.write", "token.refresh")


def _https_or_loopback(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # its text quotes the URL
        raise ValueError("is no URL") from None
    if parts.username is not None:
        raise ValueError("must not hold a user name or password")
    absolute = parts.scheme in {"http", "https"} and parts.hostname and not re.search(r"[\x00- \x7f]", url)
    if not absolute or parts.fragment:
        raise ValueError("must be an absolute http(s) URL without a fragment")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https, since its host is not loopback")
    return url


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _without_version(url: str) -> str:
    # Envoy's own documentation writes its base with the version, which every path here begins with.
    return url.removesuffix("/v1").rstrip("/")


def _octal_mode(text: str) -> str:
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise ValueError('must be an octal mode such as "0600"')
    return text


def _least_most(pair: tuple[float, float]) -> tuple[float, float]:
    if not 0 < pair[0] <= pair[1]:
        raise ValueError("must be [least, most], both above 0")
    return pair


def _one_after_the_other(times: tuple[float, ...]) -> tuple[float, ...]:
    if not times or any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("must be one time or more, each later than the one before")
    return times


def _no_switch(value: object) -> object:
    # A switch would be read as 1 day, and what is cleared does not come back.
    if isinstance(value, bool):
        raise ValueError("must be a number of days; 0 = never")  # noqa: TRY004 -- pydantic wants it
    return value


Days = Annotated[int, BeforeValidator(_no_switch)]
# A redirect URI is compared byte by byte (RFC 6749 section 3.1.2.3), so only a base loses its slash.
Url = Annotated[str, AfterValidator(_https_or_loopback)]
BaseUrl = Annotated[Url, AfterValidator(_without_slash), AfterValidator(_without_version)]
Wait = Annotated[float, Field(le=MOST_SECONDS)]
LeastMost = Annotated[tuple[Wait, Wait], AfterValidator(_least_most)]


class Section(BaseModel):
    """A table of settings.toml: unknown keys are refused, values never shown in errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        coerce_numbers_to_str=True,
        allow_inf_nan=False,
    )


class DatabaseSettings(Section):
    """Where the invites lie."""

    url: str = Field(default="sqlite:///worker.db", repr=False)
    file_mode: Annotated[str, AfterValidator(_octal_mode)] = "0600"
    allow_ephemeral_disk: bool = False


class EnvoySettings(Section):
    """Envoy's addresses, and what our external application asks for."""

    api_url: BaseUrl = "https://api.envoy.com"
    authorize_url: Url = "https://app.envoy.com/a/auth/v0/authorize"
    token_url: Url = "https://app.envoy.com/a/auth/v0/token"  # noqa: S105 -- an address, no token
    redirect_uri: Url = "http://127.0.0.1:8765/oauth/callback"
    scopes: tuple[Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")], ...] = DEFAULT_SCOPES
    pkce: bool = True


READY_A_SENDER, MOST_READY = 64, 10_000  # planned rows in memory
# Threads of a process beside those that the settings name.
REFRESHERS = 4  # more would hurry a token endpoint that all customers share, and that serves each once a day
DRAWERS = 2  # of consequences: one may be asking whether Envoy answers
PROVERS = 3  # of what is asked after refusals: so many customers may leave it unanswered
MOST_LOOKERS = 4  # each may need a connection of its own, to Envoy and to the database


class PushSettings(Section):
    """How invites are sent; every time in seconds."""

    concurrency: int = Field(default=8, ge=1, le=256)
    preparers: int = Field(default=4, ge=1, le=32)
    ready: int = Field(default=0, ge=0, le=MOST_READY)
    rate_per_second: float = Field(default=2.0, ge=0, le=10_000)
    request_timeout_seconds: float = Field(default=15.0, gt=0, le=120)
    lease_seconds: float = Field(default=60.0, gt=1, le=3600)
    backoff_seconds: LeastMost = (5.0, 900.0)
    hold_seconds: LeastMost = (5.0, 900.0)
    recreate_missing: bool = False
    notify: bool = True

    @property
    def most_ready(self) -> int:
        """How many planned rows a process holds."""
        return self.ready or min(READY_A_SENDER * self.concurrency, MOST_READY)

    @property
    def lookers(self) -> int:
        """How many look-ups are made at once, beside the senders."""
        return min(self.concurrency, MOST_LOOKERS)

    @model_validator(mode="after")
    def _lease_outlives_request(self) -> Self:
        if self.lease_seconds <= self.request_timeout_seconds + 1:
            raise ValueError("lease_seconds must be more than request_timeout_seconds + 1")
        return self


class ReconcileSettings(Section):
    """When a doubtful create is looked up."""

    look_up_after: Annotated[
        tuple[Annotated[Wait, Field(gt=0)], ...], AfterValidator(_one_after_the_other)
    ] = (5.0, 30.0, 120.0, 600.0)
    marker: bool = False


class IntakeSettings(Section):
    """What an import may do without being asked twice."""

    most_withdrawn: float = Field(default=0.2, ge=0, le=1)


class RetentionSettings(Section):
    """How many days what is finished is kept; 0 = for ever."""

    personal_days: Days = Field(default=30, ge=0, le=MOST_DAYS)
    history_days: Days = Field(default=90, ge=0, le=MOST_DAYS)


class LogSettings(Section):
    """How events are written."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class JobSettings(Section):
    """One registered job: its function, its schedule, and its own parameters."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    run: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    every: float | None = Field(default=None, ge=0.1, le=MOST_SECONDS)
    cron: str | None = None
    jitter: float = Field(default=0, ge=0, le=MOST_SECONDS)

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if (self.every is None) == (self.cron is None):
            raise ValueError("needs either every (seconds) or cron, and not both")
        if self.cron is not None:
            fields = self.cron.split()
            if len(fields) != 5:  # noqa: PLR2004 -- minute hour day month weekday
                raise ValueError("cron needs five fields: minute hour day month weekday")
            # APScheduler counts Monday as 0, cron as 1: only names mean the same to both.
            if re.search(r"\d", fields[4]):
                raise ValueError("cron takes weekdays by name (mon..sun), not by number")
        return self

    @property
    def parameters(self) -> dict[str, object]:
        """The keys that are the job's own."""
        return dict(self.model_extra or {})


class Settings(Section):
    """All settings."""

    database: DatabaseSettings = DatabaseSettings()
    envoy: EnvoySettings = EnvoySettings()
    intake: IntakeSettings = IntakeSettings()
    push: PushSettings = PushSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    retention: RetentionSettings = RetentionSettings()
    log: LogSettings = LogSettings()
    jobs: dict[str, JobSettings] = Field(default_factory=dict)
