"""What a secret or personal data looks like in a text, where nobody told us its value."""

import re
from typing import NamedTuple

from worker.logs.known import MASK


class Rule(NamedTuple):
    """One pattern; it is tried only where one of its ``needles`` stands in the lower-case text."""

    needles: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


_NAMES = r"(?:[\w-]*(?:token|secret|passw(?:or)?d|verifier|api[-_]?key)|code|state)"

RULES = (
    # PostgreSQL's DETAIL quotes whole rows, pydantic's messages the input.
    Rule(("detail:",), re.compile(r"(?m)^(\s*DETAIL:).*$"), rf"\1 {MASK}"),
    Rule(("input_value=",), re.compile(r"\binput_value=.*?(?=, input_type=|\]|$)"), f"input_value={MASK}"),
    Rule(
        ("authorization", "cookie"),
        re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\W{1,4}).+"),
        rf"\1\2{MASK}",
    ),
    Rule(("bearer",), re.compile(r"(?i)\bbearer\s+[^\s\"',;]+"), f"Bearer {MASK}"),
    Rule(
        ("=", "%3d", "':", '":'),
        re.compile(
            rf"(?i)(?:(?<![\w-])|(?<=%3f)|(?<=%26))({_NAMES})(=|%3D|[\"']:\s*)(?:\"[^\"]*\"|'[^']*'|[^&\s\"',;)}}\]]+)"
        ),
        rf"\1\2{MASK}",
    ),
    Rule(("eyj",), re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*){1,4}"), MASK),  # a JWT
    Rule(("gaaaaa",), re.compile(r"\bgAAAAA[\w-]{20,}=*"), MASK),  # what Fernet encrypted
    Rule(("://",), re.compile(r"://[^\s/?#]{0,300}@|://\S{0,300}:\S{0,300}@"), f"://{MASK}@"),
    Rule(
        ("@", "%40"),
        re.compile(
            r"(?:\"[^\"\n]*\"|(?<![\w.!#$%&'*+/?^`{|}~-])[\w.!#$%&'*+/?^`{|}~-]+?)(?:@|%40)[^\s@<>()\[\]\"',;&]+"
        ),
        MASK,
    ),
)

# Most texts have none of all this, and are passed over by one search.
_SUSPECT = re.compile("|".join(re.escape(needle) for rule in RULES for needle in rule.needles), re.IGNORECASE)
# Nothing but what ids and codes are made of: only the rules that need no other sign can find something.
_WORD = re.compile(r"[\w.-]*", re.ASCII)
_PHONE = re.compile(
    r"(?<![\w.:/#+-])(?!\d{4}-\d\d-\d\d)(?:\+|\(\+?)?\d[\d ()./-]{5,18}\d(?![\w:/-]|\.\d)", re.ASCII
)
_NUMBER_OR_ADDRESS = re.compile(r"\d+\.\d+|\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15  # ITU-T E.164


def is_harmless_word(text: str, *, identifier: bool = False) -> bool:
    """Tell at little cost that ``mask_patterns`` would find nothing in *text*; False says nothing."""
    if not _WORD.fullmatch(text) or not (identifier or _PHONE.search(text) is None):
        return False
    lower = text.lower()
    return not ("eyj" in lower or "gaaaaa" in lower or "authorization" in lower or "cookie" in lower)


def mask_patterns(text: str, *, identifier: bool = False) -> str:
    """Return *text* with what looks like a secret, an e-mail or a phone number masked.

    In an *identifier* only a leading ``+`` makes a phone number: callers number their visits as they like.
    """
    if _SUSPECT.search(text):
        lower = text.lower()
        for rule in RULES:
            if any(needle in lower for needle in rule.needles):
                text = rule.pattern.sub(rule.replacement, text)
    if identifier and "+" not in text:
        return text
    return _PHONE.sub(_mask_phone_in_identifier if identifier else _mask_phone, text)


def _mask_phone(match: re.Match[str]) -> str:
    text = match[0]
    groups = re.findall(r"\d+", text)
    if not _FEWEST_DIGITS <= sum(map(len, groups)) <= _MOST_DIGITS or _NUMBER_OR_ADDRESS.fullmatch(text):
        return text
    # Bare digits are an id, two groups too ("2026-000123"); a phone number gives itself away by more.
    grouped = len(groups) > 2 or (text[0] == "0" and len(groups) > 1)  # noqa: PLR2004 -- as said above
    return MASK if text[0] in "+(" or grouped else text


def _mask_phone_in_identifier(match: re.Match[str]) -> str:
    return _mask_phone(match) if match[0].startswith("+") else match[0]
