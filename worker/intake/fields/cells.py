"""Read one field of a row: text, an e-mail address, a switch, one word of several.

Every reader takes the field's name and its value as it came, from a cell of a file, a key of a
JSON object or a Python argument.  A blank value counts as not given.  Errors never quote the value.
"""

import unicodedata
from collections.abc import Callable
from typing import TypeVar

from worker.errors import InputError
from worker.invites.signs import FORMS, Form, one_kind_of_breaks, require_email, require_fit

Result = TypeVar("Result")
Reader = Callable[[str, object], Result]

LONGEST_EMAIL = 320
SWITCHES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def required(reader: Reader[Result | None]) -> Reader[Result]:
    """Return a reader that refuses a blank value, too."""

    def read(field: str, value: object) -> Result:
        found = reader(field, value)
        if found is None:
            raise InputError(field, "is missing", code="missing")
        return found

    return read


def text(longest: int) -> Reader[str | None]:
    """Return a reader of text of up to *longest* characters; which ones they may be goes by the field."""

    def read(field: str, value: object) -> str | None:
        return checked_text(field, given(field, value), longest, FORMS[field])

    return read


def email(field: str, value: object) -> str | None:
    """Return an e-mail address, checked for its form only."""
    address = checked_text(field, given(field, value), LONGEST_EMAIL, FORMS[field])
    if address is not None:
        require_email(field, address)
    return address


def switch(field: str, value: object) -> bool | None:
    """Return whether it is on, None if that is left open."""
    if isinstance(value, bool):
        return value
    written = given(field, value)
    if written is None:
        return None
    word = written.casefold()
    if word not in SWITCHES:
        raise InputError(field, "must be true, 1, yes, false, 0 or no")
    return SWITCHES[word]


def one_of(*words: str) -> Reader[str]:
    """Return a reader of one of these words; blank is the first."""

    def read(field: str, value: object) -> str:
        word = (given(field, value) or words[0]).casefold()
        if word not in words:
            raise InputError(field, f"must be {' or '.join(words)}")
        return word

    return read


def given(field: str, value: object) -> str | None:
    """Return the text without the spaces around it, None if it is blank; whole numbers are text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    raise InputError(field, "must be text")


def checked_text(field: str, found: str | None, longest: int, form: Form) -> str | None:
    """Return the text in Unicode's composed form (NFC), its line breaks as one sign each."""
    if found is None:
        return None
    if not (found.isascii() and found.isprintable()):
        found = unicodedata.normalize("NFC", one_kind_of_breaks(found) if form is Form.LINES else found)
        require_fit(field, found, form)
    if len(found) > longest:
        raise InputError(field, f"has {len(found):,} characters, the most is {longest:,}", code="too_long")
    return found
