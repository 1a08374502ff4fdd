"""The switches of ``envoy-worker sandbox``: where it listens, and each fault that is on from its start."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from worker.errors import UsageError

if TYPE_CHECKING:
    from worker.sandbox import Faults

LEAST_REFUSAL = 400
SHARES = ("throttled_share", "error_share", "lost_share", "garbage_share")
# The faults that have a shorter name, or one in plainer words, as a switch.
RENAMED = {
    "latency": "latency_seconds",
    "rate_limit": "rate_limit_per_second",
    "throttled_share": "error_429_share",
    "error_share": "error_500_share",
    "lost_share": "drop_after_share",
    "idle_close": "idle_close_seconds",
}

Port = Annotated[int, typer.Option(min=0, max=65535, help="Listen here; 0 takes a free one.")]
Companies = Annotated[int, typer.Option(min=1, max=100, help="So many customers.")]
TokenSeconds = Annotated[float, typer.Option(min=1, help="How long an access token lives.")]
Latency = Annotated[float, typer.Option(min=0, help="Seconds before each answer.")]
RateLimit = Annotated[float, typer.Option(min=0, help="429 beyond so many requests a second.")]
RetryAfter = Annotated[str, typer.Option(help="The Retry-After of a 429: seconds, or date:SECONDS.")]
ThrottledShare = Annotated[float, typer.Option(min=0, max=1, help="Answered by 429, not executed.")]
ErrorShare = Annotated[float, typer.Option(min=0, max=1, help="Answered by 500, not executed.")]
LostShare = Annotated[float, typer.Option(min=0, max=1, help="Executed, and never answered.")]
GarbageShare = Annotated[float, typer.Option(min=0, max=1, help="Executed, and answered by HTML.")]
IdleClose = Annotated[float, typer.Option(min=0, help="Connections idle for longer are cut; 0 keeps all.")]
RefuseNulls = Annotated[
    Literal["400", "422"] | None, typer.Option(help="Answers an update that empties a field, by null or [].")
]
RefuseNullsOf = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD", help="With --refuse-nulls: of this field only, as notes; repeatable."),
]
Lists = Annotated[
    str, typer.Option(help="Which lists the next five change: invites,flows,locations,employees.")
]
PageCap = Annotated[int, typer.Option(min=0, help="A page has so many items at most, whatever was asked.")]
PageIgnored = Annotated[bool, typer.Option("--page-ignored", help="Each page of a list is the first one.")]
ListOrder = Annotated[
    Literal["ignored", "reversed", "shuffled"] | None, typer.Option(help="Of a list, whatever was asked.")
]
ListMeta = Annotated[
    Literal["absent", "low", "high", "negative", "text", "of_page", "as_asked"] | None,
    typer.Option(help="A list's meta is absent, or its total (as_asked: its perPage) is not true."),
]
BeyondEnd = Annotated[
    Literal["400", "404", "last"] | None,
    typer.Option(help="What a page beyond a list's end is; last: the last one again."),
]
ListCut = Annotated[int, typer.Option(min=0, help="So many items of a list are shown; its total counts all.")]
NamesShown = Annotated[
    Literal["decomposed", "entities", "trimmed", "without_emoji", "upper"] | None,
    typer.Option(help="How names of visitors, locations and flows come back."),
]
Outage = Annotated[Literal["drop", "503"] | None, typer.Option(help="Nothing works, in this way.")]
Lost = Annotated[
    Literal["html", "json"] | None,
    typer.Option(help="A gateway lost its routes and answers 404 itself, in this form; nothing is executed."),
]
LostStatus = Annotated[
    int, typer.Option(min=400, max=499, help="What the gateway answers: 404, 405, 406, 410, 415.")
]
LostOnly = Annotated[
    str,
    typer.Option(
        help='Which routes it lost, such as "DELETE /v1/invites/, POST /v1/invites$"'
        " (how a request begins; $: the whole of it); all where it is not given."
    ),
]
RefuseStatus = Annotated[
    int,
    typer.Option(min=0, max=499, help="Refuse every write alike, by this status, 400 to 499."),
]
RefuseMessage = Annotated[str, typer.Option(help="What such a refusal says; {n} becomes a number.")]
RefuseCompanies = Annotated[str, typer.Option(help='Refuse those of these companies only: "10000,10001".')]
TokenCompany = Annotated[
    Literal[
        "absent", "null", "empty", "object", "list", "fraction", "control", "surrogate", "path"
    ] | None,
    typer.Option(help="What token answers name as the company: nothing, or what is no id."),
]  # fmt: skip
RefreshCompany = Annotated[str, typer.Option(help="Each refresh names the company of this id.")]
TokenType = Annotated[
    Literal["absent", "null", "empty", "mac"] | None, typer.Option(help="The token_type of token answers.")
]
LocationCompany = Annotated[str, typer.Option(help="Locations name the company of this id; absent: none.")]
Seed = Annotated[int, typer.Option(help="Of the draws, so that a run can be repeated.")]


def faults_of(given: Mapping[str, Any]) -> "Faults":
    """Return the faults that switches of these names and values mean; what is None is off.

    Raises:
        UsageError: they do not go together, or are no faults.
    """
    from worker.sandbox import Faults

    if 0 < given["refuse_status"] < LEAST_REFUSAL:
        raise UsageError("--refuse-status: a refusal is 400 to 499, and 0 refuses nothing")
    if sum(given[name] for name in SHARES) > 1:
        raise UsageError("the shares add up to more than 1")
    values = {RENAMED.get(name, name): value for name, value in given.items() if value is not None}
    values["refuse_nulls"] = int(values.get("refuse_nulls", 0))
    values["refuse_nulls_of"] = tuple(values.get("refuse_nulls_of", ()))
    return Faults(**values)
