"""Make one event fit to be written: secrets and personal data out, every value plain and short."""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from worker.clock import to_millisecond
from worker.logs.known import MASK, KnownSecrets
from worker.logs.patterns import is_harmless_word, mask_patterns
from worker.visible import visible

FAILED = "[redaction-failed]"
LONGEST_TEXT = 1_000
LONGEST_EXCEPTION = 3_000
MOST_ITEMS = 50
MOST_HARMLESS = 500  # texts that are remembered, for most come line after line
DEEPEST = 4

READABLE = frozenset(
    {"error_code", "hint", "fencing_token", "token_version", "send_email", "event", "logger"}
)
_EXACT = frozenset(
    {
        "code", "state", "body", "content", "custom_fields", "data", "full_name", "first_name", "guest_name",
        "host_name", "invitee", "invitee_name", "json", "last_name", "name", "notes", "payload",
        "sent_content", "visitor_name",
    }
)  # fmt: skip
_PARTS = frozenset(
    {
        "apikey", "assertion", "authorization", "cookie", "cookies", "credential", "credentials", "email",
        "emails", "mail", "nonce", "passphrase", "passwd", "password", "phone", "secret", "secrets", "token",
        "tokens", "verifier",
    }
)  # fmt: skip
_KEYS = ("api_key", "private_key", "encryption_key", "encryption_keys")
# What is said about a secret is none: token_expires_at, token_url, refresh_token_expires_in.
_ABOUT = ("_at", "_in", "_seconds", "_url", "_count", "_version")
_NAMED = frozenset({"connection", "job", "error_code"})
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@functools.lru_cache(maxsize=1024)
def is_sensitive(key: str) -> bool:
    """Tell by a field's name, however it is spelt, whether its value must not be shown."""
    snake = _HUMP.sub("_", key).lower().replace("-", "_").replace(".", "_")
    if snake in READABLE:
        return False
    if snake in _EXACT or snake.endswith(_KEYS):
        return True
    return not snake.endswith(_ABOUT) and not _PARTS.isdisjoint(snake.split("_"))


@functools.lru_cache(maxsize=1024)
def is_identifier(key: str) -> bool:
    """Return whether a field holds an id or a name that we or the caller gave."""
    return key.endswith("_id") or key in _NAMED


class Redactor:
    """Turns the fields of an event into plain, bounded, redacted values; it never raises."""

    def __init__(self, known: KnownSecrets) -> None:
        """Mask what *known* holds, now or later."""
        self._known = known
        self._harmless: tuple[int, set[tuple[str, str]]] = known.version, set()

    def fields(self, event: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the event's fields; their names are the code's own, and one that fails costs only itself."""
        harmless = self._harmless_by_now()
        return {
            str(key): value if self._is_fit(key, value, harmless) else self._field(key, value)
            for key, value in event.items()
        }

    def _is_fit(self, key: object, value: object, harmless: set[tuple[str, str]]) -> bool:
        """Tell at little cost that a field may be written as it is; False says nothing.

        Most of a line is ids, codes and numbers: they are not searched for what they cannot hold.
        """
        kind = type(value)
        if value is None or kind is bool or (kind is str and (key, value) in harmless):
            return True
        if type(key) is not str or is_sensitive(key):
            return False
        if type(value) is not str:
            return kind is int
        if not self._is_harmless(key, value):
            return False
        if len(harmless) >= MOST_HARMLESS:
            harmless.clear()
        harmless.add((key, value))
        return True

    def _is_harmless(self, key: str, text: str) -> bool:
        if len(text) > LONGEST_TEXT or not is_harmless_word(text, identifier=is_identifier(key)):
            return False
        return not self._known.may_be_in(text)

    def _harmless_by_now(self) -> set[tuple[str, str]]:
        """Return what was found harmless; nothing of it counts any more once another secret is known."""
        version, harmless = self._harmless
        if version != self._known.version:
            version, harmless = self._harmless = self._known.version, set()
        return harmless

    def text(self, text: str, *, longest: int = LONGEST_TEXT, identifier: bool = False) -> str:
        """Return one text redacted, on one line, and cut to about *longest* characters."""
        return shorten(visible(self._masked(text, longest, identifier=identifier)), longest)

    def exception(self, text: str) -> str:
        """Return a traceback redacted and cut, its lines as they are."""
        masked = self._masked(text, LONGEST_EXCEPTION)
        return shorten("\n".join(map(visible, masked.split("\n"))), LONGEST_EXCEPTION)

    def _masked(self, text: str, longest: int, *, identifier: bool = False) -> str:
        return mask_patterns(self._known.mask(_crop(text, 2 * longest)), identifier=identifier)

    def _key(self, key: object) -> str:
        return str(_guarded(lambda: self.text(str(key), longest=100, identifier=True)))

    def _field(self, key: object, value: object, depth: int = 0) -> Any:  # noqa: ANN401 -- whatever JSON takes
        return _guarded(lambda: self._value(str(key), value, depth))

    def _value(self, key: str, value: object, depth: int) -> Any:  # noqa: ANN401
        if value is None or isinstance(value, bool):
            return value
        if is_sensitive(key):
            return MASK
        if isinstance(value, Mapping):
            return self._mapping(value, depth + 1)
        if isinstance(value, list | tuple | set | frozenset):
            return self._items(key, value, depth + 1)
        return self._scalar(key, value)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:  # noqa: ANN401
        if depth > DEEPEST:
            return "[too deep]"
        pairs = list(value.items())[:MOST_ITEMS]
        return {self._key(key): self._field(key, item, depth) for key, item in pairs}

    def _items(self, key: str, value: Any, depth: int) -> Any:  # noqa: ANN401
        if depth > DEEPEST:
            return "[too deep]"
        return [self._field(key, item, depth) for item in list(value)[:MOST_ITEMS]]

    def _scalar(self, key: str, value: object) -> Any:  # noqa: ANN401
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if abs(value) < float("inf") else str(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"[{len(value)} bytes]"
        if isinstance(value, datetime) and value.tzinfo:
            return to_millisecond(value)
        if key == "exception":
            return self.exception(str(value))
        return self.text(str(value), identifier=is_identifier(key))


def shorten(text: str, longest: int) -> str:
    """Return *text*, or its beginning and its end, where an exception says what it is."""
    if len(text) <= longest:
        return text
    tail = longest * 2 // 3
    return f"{text[: longest - tail]} [{len(text) - longest} cut] {text[-tail:]}"


def _crop(text: str, longest: int) -> str:
    """Bound the work of the patterns, and leave no half of a secret at the seam, where none would match."""
    if len(text) <= longest:
        return text
    tail = longest * 2 // 3
    head = "".join(text[: longest - tail].rsplit(maxsplit=1)[:-1])
    end = "".join(text[-tail:].split(maxsplit=1)[1:])
    return f"{head} [{len(text) - len(head) - len(end)} cut] {end}"


def _guarded(make: Callable[[], Any]) -> Any:  # noqa: ANN401
    try:
        return make()
    except Exception:  # noqa: BLE001 -- a value whose repr raises must cost its field, not the caller's work
        return FAILED
