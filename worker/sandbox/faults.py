"""The faults that can be switched on, as one value that JSON can set."""

from dataclasses import asdict, dataclass, fields

from worker.sandbox.refusals import bad_request
from worker.sandbox.values import Record

RetryAfter = str | None

# In the order in which one draw between 0 and 1 is divided among them: a request meets one at most.
BEFORE_COMMIT = ("error_429_share", "error_500_share", "drop_before_share")
AFTER_COMMIT = (
    "commit_then_500_share",
    "drop_after_share",
    "garbage_share",
    "no_id_share",
    "truncate_share",
)
SHARES = BEFORE_COMMIT + AFTER_COMMIT


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong; everything is off by default.

    Shares are of the requests that begin with *only* (method, space, path;
    "" = all under /v1), of one *company* where its id is given.
    *retry_after* is sent as it is; ``date:5`` becomes the HTTP date five seconds
    ahead, None sends no header, several take turns.  *keep_cleared*: an update
    that empties a field leaves it as it was.  *idle_close_seconds*: a request that
    comes over a connection which was idle for longer crosses its end on the way:
    the connection is closed, and nothing was executed; 0 keeps all connections.
    *approval_status* is what invites get that are created or changed meanwhile, in
    place of their flow's.
    """

    latency_seconds: float = 0.0
    rate_limit_per_second: float = 0.0
    retry_after: RetryAfter | tuple[RetryAfter, ...] = "1"
    error_429_share: float = 0.0
    error_500_share: float = 0.0
    drop_before_share: float = 0.0
    commit_then_500_share: float = 0.0
    drop_after_share: float = 0.0
    garbage_share: float = 0.0
    no_id_share: float = 0.0
    truncate_share: float = 0.0
    only: str = "POST /v1/invites"
    company: str = ""
    approval_status: str = ""
    html_200: bool = False
    keep_cleared: bool = False
    outage: str = ""
    slow_body_seconds: float = 0.0
    read_lag_seconds: float = 0.0
    idle_close_seconds: float = 0.0
    token_latency_seconds: float = 0.0
    token_drop_after: int = 0
    token_error: str = ""
    seed: int = 0

    def as_json(self) -> Record:
        """Return every key with its value."""
        return asdict(self)


def faults_from_json(body: object) -> Faults:
    """Return the faults of a JSON object, those not named off; Refused with 400 for a key or value."""
    if not isinstance(body, dict):
        raise bad_request("send a JSON object")
    known = {field.name: field.default for field in fields(Faults)}
    for name, value in body.items():
        if name not in known or not _fits(name, value, known[name]):
            raise bad_request(f"{str(name)[:40]}: no such fault, or not a value for it")
    if sum(body.get(name, 0) for name in SHARES) > 1:
        raise bad_request("the shares add up to more than 1")
    values: Record = {
        name: tuple(value) if isinstance(value, list) else value for name, value in body.items()
    }
    return Faults(**values)


def _fits(name: str, value: object, default: object) -> bool:
    if name == "retry_after":
        several = value if isinstance(value, list) and value else [value]
        return all(one is None or isinstance(one, str) for one in several)
    if name == "outage":
        return value in ("", "drop", "503")
    if isinstance(default, (bool, str)):
        return type(value) is type(default)
    number = isinstance(value, int) or (isinstance(default, float) and isinstance(value, float))
    return number and not isinstance(value, bool)
