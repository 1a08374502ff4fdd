"""The words of an error answer that are safe to show.

Envoy may echo a visitor's name, e-mail or note in an error text, quoted or not.  So a text is not
searched for what must go; only words on a list of what APIs say about fields may stay.
"""

import hashlib
import re
from collections.abc import Iterator

from worker.envoy.bodies import json_object

MOST_CHARACTERS = 200
GAP = "…"

SAFE_WORDS = frozenset(
    """
    a about above accepted access account active after allowed already an and another any app
    application approval are array arrival at attribute authorization be because been before belong
    belongs blank body boolean both by can cannot characters client company conflict conflicts
    correct could create created credentials customfields date deactivated deleted denied departure
    did different disabled does duplicate email employee employees.read empty enabled end enough
    error exceeded exist exists expected expectedarrival expectedarrivalat expectedarrivaltime
    expecteddepartureat expired failed failure field fields first flow flowid flows flows.read for
    forbidden format found future global greater guest guests has have host hostemployeeid id
    identifier if in inactive insufficient insufficient_scope integer internal invalid
    invalid_request invalid_token invite invited invitee invitee.email invitee.name invites
    invites.read invites.write is it item items json key lack lacks large later least less limit
    list location locationid locations locations.read long malformed many match maximum method
    minimum missing more must name no not not_found notes null number object of on one only or other
    out over owner page parameter parameters parse past payload permission permissions phone please
    policy present privileges property range rate read reason record rejected request requested
    require required requires resource retry role same scope scopes sendemailtoinvitee server short
    should site slow start string such support supported syntax taken than that the there this time
    timestamp timezone to token token.refresh too try type unable unauthorized unavailable
    unexpected unique unknown unprocessable unprocessable_entity unreadable unsupported until update
    updated use used uuid valid validation validation_error value values visitor was when with
    within without write wrong you your zone
    """.split()  # noqa: SIM905 -- a list literal would take 200 lines
)

_NUMBERED = re.compile(r"[\w-]*\d[\w-]*")  # an id may be spelt with letters, too
_WORD = re.compile(r"[^\s,;:!?()\[\]{}\"'`<>=]+")


def safe_words(text: str) -> str:
    """Return *text* with every run of words that are not on the list replaced by one gap."""
    kept: list[str] = []
    for word in _WORD.findall(text[: 4 * MOST_CHARACTERS]):
        plain = word.strip(".-").lower()
        if plain in SAFE_WORDS:
            kept.append(word.strip(".-"))
        elif plain and kept[-1:] != [GAP]:
            kept.append(GAP)
    if all(word == GAP for word in kept):
        return ""
    return " ".join(kept)[:MOST_CHARACTERS]


def explanation(body: bytes) -> str:
    """Return what an error answer says, in safe words; nothing where it says nothing safe."""
    data = json_object(body)
    if data is None:
        return ""
    return next((safe for text in _texts(data) if (safe := safe_words(text))), "")


def digest(status: int, body: bytes) -> str:
    """Return what a refusal has in common with others that say the same, words with digits apart.

    It is a digest, since the text may name a visitor.
    """
    data = json_object(body)
    text = body.decode("utf-8", "replace") if data is None else next(_texts(data), "")
    alike = " ".join(_NUMBERED.sub(" ", text).split())
    return f"{status}:{hashlib.sha256(alike.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _texts(data: dict[str, object]) -> Iterator[str]:
    """Yield the texts of the shapes that Envoy, JSON:API (errors[]) and OAuth2 give to errors."""
    errors = data.get("errors")
    for entry in errors if isinstance(errors, list) else []:
        yield from _strings(entry, "detail", "message", "title", "code")
    yield from _strings(data, "error_description")
    yield from _strings(data.get("error"), "message")
    yield from _strings(data, "error", "message", "detail", "title")


def _strings(data: object, *keys: str) -> Iterator[str]:
    if isinstance(data, dict):
        yield from (value for key in keys if isinstance(value := data.get(key), str))
