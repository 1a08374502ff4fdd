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
REFUSALS = tuple(range(400, 500))
# What a fault may be that has few values; the first one is off.
CHOICES: dict[str, tuple[object, ...]] = {
    "outage": ("", "drop", "503"),
    "refuse_nulls": (0, 400, 422),
    "list_order": ("", "ignored", "reversed", "shuffled"),
    "list_meta": ("", "absent", "low", "high", "negative", "text", "of_page", "as_asked"),
    "beyond_end": ("", "400", "404", "last"),
    "names_shown": ("", "decomposed", "entities", "trimmed", "without_emoji", "upper"),
    "lost": ("", "html", "json"),
    "lost_status": REFUSALS,
    "refuse_status": (0, *REFUSALS),
    "token_company": (
        "", "absent", "null", "empty", "object", "list", "fraction", "control", "surrogate", "path",
    ),
    "token_type": ("", "absent", "null", "empty", "mac"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong; everything is off by default.

    Shares are of the requests that begin with *only* (method, space, path;
    "" = all under /v1), of one *company* where its id is given.
    *retry_after* is sent as it is; ``date:5`` becomes the HTTP date five seconds
    ahead, None sends no header, several take turns.  *latency_seconds* pass before
    requests that begin with *latency_only* are answered.  *keep_cleared*: an update
    that empties a field leaves it as it was.  *idle_close_seconds*: a request that
    comes over a connection which was idle for longer crosses its end on the way:
    the connection is closed, and nothing was executed; 0 keeps all connections.
    *approval_status* is what invites get that are created or changed from then on, in
    place of their flow's.
    *refuse_nulls*: the status (400, 422) that answers an update that empties a
    field, by null or an empty list; of *refuse_nulls_of* only, where it names
    some (``notes``, ``customFields``, ``invitee.email``, ...).

    The next ones change the lists of the kinds in *lists* (``locations``, ``flows``, ``employees``,
    ``invites``, with commas between; "" = all).  *page_cap*: a page has so many items at most, whatever
    was asked.  *page_ignored*: each page is the first one.  *list_order*: ``ignored`` (as stored),
    ``reversed`` or ``shuffled``, once for all pages.  *list_meta*: ``absent``; or its total is one too
    ``low`` or ``high``, ``negative``, ``text``, or that ``of_page`` alone; ``as_asked`` names the perPage
    that was asked.  *beyond_end*: a page beyond the end is answered ``400``, ``404``, or is the ``last``
    one again.  *list_cut*: so many items are shown at most, though the total counts all.
    *names_shown*: names of visitors, locations and flows come back ``decomposed``, with HTML
    ``entities``, ``trimmed``, ``without_emoji`` or in ``upper`` case, in every answer.

    *lost* ("html", "json"): a gateway before Envoy lost its routes, and answers
    *lost_status* itself, executing nothing.  *lost_only* names the routes, as
    "DELETE /v1/invites/, POST /v1/invites$": how a request begins, or with $
    the whole of it; "" = all under /v1.

    *token_company*: what token answers name as the company: nothing (``absent``, ``null``, ``empty``), or
    what is no id.  *refresh_company*: a refresh names the company of this id, whosever the grant is.
    *token_type*: that of token answers.  *location_company*: locations name the company of this id, or none
    (``absent``).  *token_late*: so many of the next refreshes are cut off, and carried out
    *token_late_seconds* later.

    *refuse_status*: every write of the companies in *refuse_companies* (ids,
    "" = all) is refused alike, with *refuse_message*, in which {n} becomes
    another number each time.

    *date*: the Date of every answer; "" is the true one, ``absent`` sends none,
    ``+SECONDS`` and ``-SECONDS`` are ahead and behind, anything else is sent as it is.
    """

    latency_seconds: float = 0.0
    latency_only: str = ""
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
    refuse_nulls: int = 0
    refuse_nulls_of: tuple[str, ...] = ()
    lists: str = ""
    page_cap: int = 0
    page_ignored: bool = False
    list_order: str = ""
    list_meta: str = ""
    beyond_end: str = ""
    list_cut: int = 0
    names_shown: str = ""
    outage: str = ""
    lost: str = ""
    lost_status: int = 404
    lost_only: str = ""
    refuse_status: int = 0
    refuse_message: str = "Request {n} is invalid"
    refuse_companies: str = ""
    date: str = ""
    slow_body_seconds: float = 0.0
    read_lag_seconds: float = 0.0
    idle_close_seconds: float = 0.0
    token_latency_seconds: float = 0.0
    token_drop_after: int = 0
    token_error: str = ""
    token_company: str = ""
    refresh_company: str = ""
    token_type: str = ""
    location_company: str = ""
    token_late: int = 0
    token_late_seconds: float = 0.0
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
    if name == "refuse_nulls_of":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name in CHOICES:
        return value in CHOICES[name]
    if isinstance(default, (bool, str)):
        return type(value) is type(default)
    number = isinstance(value, int) or (isinstance(default, float) and isinstance(value, float))
    return number and not isinstance(value, bool)
