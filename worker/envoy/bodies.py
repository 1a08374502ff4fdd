"""JSON bodies, read without trust."""

import json
from collections.abc import Callable
from functools import cache

MOST_DIGITS = 1000
# Read as Python's objects, parts of some bytes each take fifty and more.
MOST_PARTS = 200_000


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _whole_number(digits: str) -> float:
    """Return a number of any length; Python reads no int of thousands of digits, and nobody means one."""
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def json_object(body: bytes, *, constant: Callable[[str], float] = _refuse) -> dict[str, object] | None:
    """Return the object in *body*; None for anything else, however it is broken, or of too many parts.

    *constant* reads NaN and Infinity, which JSON does not know; as a rule they are refused.
    """
    if sum(map(body.count, (b"{", b"[", b","))) > MOST_PARTS:
        return None
    try:
        # As json.loads does it, which would build a decoder for each body.
        data = _decoder(constant).decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


@cache
def _decoder(constant: Callable[[str], float]) -> json.JSONDecoder:
    return json.JSONDecoder(parse_constant=constant, parse_int=_whole_number)
