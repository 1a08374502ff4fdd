"""What the stand-in answers: bytes that are made with as little work as possible."""

import json
import time
from email.utils import formatdate
from functools import lru_cache

DAY = 86_400
PLACES = (("Berlin", "Europe/Berlin"), ("Singapore", "Asia/Singapore"))
FLOWS = ("Visitor", "Interview")
OPENING = b'{"invite":{'
_HEAD = (
    b"HTTP/1.1 %b\r\nDate: %b\r\nServer: bench\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"%bContent-Length: %d\r\n\r\n"
)


def location_id(company: str, name: str) -> str:
    """Return the id of a company's location."""
    return f"{company}{[place for place, _ in PLACES].index(name) + 1:02}"


def flow_id(company: str, place: str, name: str) -> str:
    """Return the id of a company's flow at a location."""
    return f"{location_id(company, place)}{FLOWS.index(name) + 1}"


def locations(company: str) -> list[dict[str, object]]:
    """Return a company's locations."""
    return [
        {
            "id": location_id(company, name),
            "name": name,
            "enabled": True,
            "companyId": company,
            "timezone": zone,
            "address": {"line1": "1 Example Street", "city": name},
        }
        for name, zone in PLACES
    ]


def flows(company: str) -> list[dict[str, object]]:
    """Return a company's flows."""
    return [
        {
            "id": flow_id(company, place, name),
            "name": name,
            "type": "VISITOR",
            "enabled": True,
            "locationId": location_id(company, place),
        }
        for place, _ in PLACES
        for name in FLOWS
    ]


def tokens(company: str, number: int) -> dict[str, object]:
    """Return a pair of tokens; each number is another pair."""
    return {
        "access_token": f"access-{company}-{number:032}",
        "token_type": "Bearer",
        "expires_in": DAY,
        "refresh_token": f"refresh-{company}-{number}",
        "refresh_token_expires_in": 30 * DAY,
        "company_id": company,
    }


def listed(items: list[dict[str, object]], page: int) -> bytes:
    """Return a list's answer; all is on its first page."""
    data = items if page == 1 else []
    return answer(json.dumps({"data": data, "meta": {"page": page, "perPage": 100, "total": len(items)}}))


def written(key: bytes, asked: bytes) -> bytes:
    """Return the answer to a create or an update: what was asked for, under its id."""
    assert asked.startswith(OPENING)
    opening = (
        b'{"data":{"id":"%b","createdAt":"2030-01-01T00:00:00Z","approvalStatus":"APPROVED",'
        b'"secretToken":"abcdefghijklmnop","photoUrl":null,"recurringInviteId":null,' % key
    )
    return answer(opening + asked[len(OPENING) :])


def throttled() -> bytes:
    """Return a 429 that asks for a minute of rest."""
    return answer(b'{"errors":["slow down"]}', status=b"429 Too Many Requests", more=b"Retry-After: 60\r\n")


def answer(body: str | bytes, *, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    """Return a whole response."""
    content = body.encode() if isinstance(body, str) else body
    return _HEAD % (status, _date(int(time.time())), more, len(content)) + content


@lru_cache(maxsize=2)
def _date(now: int) -> bytes:
    return formatdate(now, usegmt=True).encode()
