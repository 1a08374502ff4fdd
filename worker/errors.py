"""Every error of the worker, by what its reader does next.

::

    WorkerError                    one line for the operator, a hint, an exit code
    ├── SettingsError              correct settings.toml or the environment
    │   └── KeysLost               put the keys back that sealed the stored tokens
    ├── SchemaError                migrate, or install the matching release
    ├── UsageError                 the command was called wrongly
    ├── InputError                 correct one field of one row or line
    ├── DatabaseUnreachable        repair the database; nothing was lost
    │   ├── DatabaseLocked         find the writer that keeps it locked
    │   └── DatabaseConflict       another transaction came first: repeat, it was rolled back
    ├── DatabaseUnfit              repair the database itself, or its file; a restart repairs nothing
    │   ├── DatabaseRefused        the server says no: its own words, and what to type
    │   │   └── RightMissing       grant the worker's role what it lacks
    │   ├── DatabaseDamaged        the file is damaged: restore a backup
    │   ├── DatabaseReplaced       the file is not the one that was opened
    │   └── DatabaseRestored       it is a backup's: say so by `envoy-worker db restored`
    ├── DiskFull                   make room; nothing was lost
    ├── NeedsAuthorisation         the customer must authorise the connection again
    │   ├── WrongIssuer            the browser was sent back by another server than Envoy's
    │   └── TokenDamaged           or the one who damaged the row, or took its key away, undoes that
    ├── TryLater                   held, or a named job runs elsewhere: come back
    │   └── ClockDoubted           nothing confirms the database's clock: what cannot be undone waits
    └── EnvoyError                 Envoy, or the way to it
        ├── NotSent                no byte left this host: repeat at will
        │   └── Stopping           the process is to end, and asks nothing more
        ├── Throttled              429: not executed, wait
        ├── Unauthorised           401: not executed, refresh the token
        ├── Forbidden              403: not executed, scope or role is missing
        ├── Refused                Envoy will never accept this request
        │   └── NotFound           404: what was named is not there
        ├── Misdirected            a redirect: the configured URL is wrong
        ├── RouteLost              something before Envoy answered 404 or the like: not executed
        ├── OutcomeUnknown         it was sent, and may or may not have been executed
        └── TokenError             the token endpoint said no
            ├── GrantDead          the grant is over: authorise again
            ├── ClientRefused      our own client id or secret is wrong
            └── TokenRefused       a refusal that does not say whose fault it is
"""

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; the numbers follow sysexits.h."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    REJECTED = 3
    UNREACHABLE = 69
    DISK_FULL = 74
    TRY_LATER = 75
    NEEDS_AUTHORISATION = 77
    SETTINGS = 78


class WorkerError(Exception):
    """One line that says what is wrong and for whom; ``hint`` says what to do about it."""

    exit_code = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep *message* free of secrets and personal data: it is printed and logged."""
        super().__init__(message)
        self.hint = hint


class SettingsError(WorkerError):
    """A setting or secret is missing, misspelt or nonsense; the message names the key.

    ``problems`` holds one line for each mistake that was found.
    """

    exit_code = ExitCode.SETTINGS

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[str] = ()) -> None:
        """Take the line to print, and all mistakes where there are several."""
        super().__init__(message, hint=hint)
        self.problems = list(problems) or [message]


class KeysLost(SettingsError):
    """No key of the ring is one that sealed any stored token: they are lost, or others were set."""


class SchemaError(WorkerError):
    """The database's schema does not fit this release."""

    exit_code = ExitCode.SETTINGS


class UsageError(WorkerError):
    """The command names something that does not exist, or asks for the impossible."""

    exit_code = ExitCode.USAGE


class InputError(WorkerError):
    """One field of one row is unusable; ``field`` names it, the value is never quoted."""

    exit_code = ExitCode.REJECTED

    def __init__(self, field: str, message: str, *, code: str = "invalid", hint: str = "") -> None:
        """Describe what is wrong with *field*; *code* is the stable ``error_code``."""
        super().__init__(message, hint=hint)
        self.field = field
        self.code = code


class DatabaseUnreachable(WorkerError):
    """The database does not answer, or will not let us in."""

    exit_code = ExitCode.UNREACHABLE


class DatabaseLocked(DatabaseUnreachable):
    """Another writer keeps what we need locked."""


class DatabaseConflict(DatabaseUnreachable):
    """Another transaction came first, and ours was rolled back: the same may be tried again at once."""


class ChangeRefused(DatabaseUnreachable):
    """The server ended one statement, by a trigger or a time limit: others may go through."""


class DatabaseUnfit(WorkerError):
    """The database is there, and not as the worker needs it; a restart repairs nothing."""

    exit_code = ExitCode.SETTINGS


class DatabaseRefused(DatabaseUnfit):
    """The server will not do what is needed: a right, an object of another application, an encoding."""


class RightMissing(DatabaseRefused):
    """The worker's role may not do what is needed."""


class DatabaseDamaged(DatabaseUnfit):
    """What the file holds is damaged."""


class DatabaseReplaced(DatabaseUnfit):
    """The path leads to another file than the one that was opened, or to none."""


class DatabaseRestored(DatabaseUnfit):
    """It comes from a backup: what was sent since is not known until an operator says so."""


class DiskFull(WorkerError):
    """The disk is full, that of the database or of a file that was to be written."""

    exit_code = ExitCode.DISK_FULL


class NeedsAuthorisation(WorkerError):
    """A connection has no usable grant; only the customer can give a new one."""

    exit_code = ExitCode.NEEDS_AUTHORISATION


class WrongIssuer(NeedsAuthorisation):
    """The answer to a consent names another server than the one that was asked (RFC 9207)."""


class TokenDamaged(NeedsAuthorisation):
    """What is stored of a connection's grant cannot be read, while the keys are the right ones."""


class TryLater(WorkerError):
    """Nothing is broken, but not now: a hold, or another process is at it.

    ``retry_after`` is in seconds, and None if nobody knows.
    """

    exit_code = ExitCode.TRY_LATER
    retry_after: float | None = None


class ClockDoubted(TryLater):
    """Nothing confirms the database's clock, so that what cannot be undone is not done by it."""

    def __init__(self, message: str, *, hint: str, error_code: str, exit_code: ExitCode) -> None:
        """Take the stable *error_code*, too, and the exit code that tells what is to be repaired."""
        super().__init__(message, hint=hint)
        self.error_code = error_code
        self.exit_code = exit_code


class EnvoyError(WorkerError):
    """What became of a request to Envoy; the subclass says what may be done next.

    ``error_code`` is stable and safe to log.  ``retry_after`` is in seconds, and
    None if Envoy did not say.
    """

    exit_code = ExitCode.UNREACHABLE
    default_code = "envoy_error"

    def __init__(
        self,
        message: str = "",
        *,
        error_code: str = "",
        http_status: int | None = None,
        retry_after: float | None = None,
        hint: str = "",
        digest: str | None = None,
    ) -> None:
        """Take only what is safe to log: no body, no URL with a query, no header.

        *digest* stands for what the answer said, to compare it with others without keeping it.
        """
        self.error_code = error_code or self.default_code
        super().__init__(message or self.error_code, hint=hint)
        self.http_status = http_status
        self.retry_after = retry_after
        self.digest = digest


class NotSent(EnvoyError):
    """No byte of the request left this host, so nothing was executed."""

    default_code = "not_sent"


class Stopping(NotSent):
    """The process is to end: nothing is read from Envoy any more."""

    default_code = "stopping"
    exit_code = ExitCode.TRY_LATER


class Throttled(EnvoyError):
    """Envoy turned the request away at the door (429); nothing was executed."""

    default_code = "rate_limited"
    exit_code = ExitCode.TRY_LATER


class Unauthorised(EnvoyError):
    """The access token is not accepted (401); nothing was executed.

    ``token_version`` is that token's, if the caller knows it.
    """

    default_code = "unauthorised"
    token_version: int | None = None


class Forbidden(EnvoyError):
    """The token is valid but lacks the scope or role (403); nothing was executed."""

    default_code = "forbidden"


class Refused(EnvoyError):
    """Envoy refused the request for good; the fault is in the request."""

    default_code = "refused"


class NotFound(Refused):
    """What the request names does not exist (404)."""

    default_code = "not_found"


class RouteLost(EnvoyError):
    """Something before Envoy answered that there is no such address; nothing was executed."""

    default_code = "route_lost"


class Misdirected(EnvoyError):
    """A redirect, which is never followed: the configured URL is wrong."""

    default_code = "redirected"


class OutcomeUnknown(EnvoyError):
    """The request was sent; whether it was executed is not known."""

    default_code = "outcome_unknown"


class TokenError(EnvoyError):
    """The token endpoint answered, and refused."""

    default_code = "token_refused"


class GrantDead(TokenError):
    """The authorization code or refresh token is not valid (RFC 6749 section 5.2, invalid_grant)."""

    default_code = "invalid_grant"
    exit_code = ExitCode.NEEDS_AUTHORISATION


class ClientRefused(TokenError):
    """Our own client credentials or request are refused: no customer is at fault."""

    default_code = "invalid_client"
    exit_code = ExitCode.SETTINGS


class TokenRefused(TokenError):
    """A 400 or 401 that does not say whether the client or the grant is at fault."""


# What hinders one connection, and no other.
OF_ONE_CONNECTION = (NeedsAuthorisation, TryLater, EnvoyError)
