"""The bounds of custom fields: the same where they come in and where they go out.

A row that a caller wrote by SQL was never checked on its way in, but for being a JSON object.
"""

import json
import math
import re
from collections.abc import Mapping

from worker.database.statements.sizes import MOST_BYTES
from worker.database.types import OVERSIZED
from worker.errors import InputError
from worker.folding import fold
from worker.invites.signs import Form, one_kind_of_breaks

FIELD = "custom_fields"
MOST = 50
LONGEST = 255  # characters of a label, and of a value
LABEL, VALUE = Form.KEY, Form.LINES

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


def checked(fields: object, *, whose: str = "") -> dict[str, str]:
    """Return label and value as text, line breaks as in those of a file; a blank value leaves its label out.

    *whose* stands before what is wrong.  Labels are told by their place, since they may be anything.

    Raises:
        InputError: ``custom_fields_unreadable``, ``_nested``, ``_too_long`` or ``_too_many``.
    """
    if fields is None:
        return {}
    if fields == OVERSIZED:
        raise _error("too_long", f"{whose}they have more than {MOST_BYTES:,} bytes")
    if not isinstance(fields, Mapping):
        raise _error("unreadable", f"{whose}they are no JSON object, or cannot be read")
    found: dict[str, str] = {}
    for number, (label, value) in enumerate(sorted(fields.items()), 1):
        place = f"{number} of {len(fields)}, in alphabetical order"
        _check_text(label, f"{whose}label {place},")
        text = _text(value, f"{whose}the value of label {place},")
        if text.strip():
            found[label] = text
    require_few(found, whose=whose)
    return found


def require_few(fields: Mapping[str, str], *, whose: str = "") -> None:
    """Return where there are not too many.

    Raises:
        InputError: ``custom_fields_too_many``.
    """
    if len(fields) > MOST:
        raise _error("too_many", f"{whose}there are {len(fields)}, the most is {MOST}")


def label_key(label: str) -> str:
    """Return what two spellings of a label share."""
    return fold(label)


def _text(value: object, what: str) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        raise _error("unreadable", f"{what} is no number that can be read")
    if isinstance(value, bool | int | float):
        value = json.dumps(value)
    if not isinstance(value, str):
        raise _error("nested", f"{what} is a list or an object: only text, numbers, true and false may be")
    if value.strip():
        _check_text(value, what)
    return one_kind_of_breaks(value)


def _check_text(text: str, what: str) -> None:
    if not text.strip():
        raise _error("unreadable", f"{what} is blank")
    if _UNWRITABLE.search(text):
        raise _error("unreadable", f"{what} holds a sign that cannot be sent")
    if len(text) > LONGEST:
        raise _error("too_long", f"{what} has {len(text):,} characters, the most is {LONGEST}")


def _error(kind: str, message: str) -> InputError:
    return InputError(FIELD, f"{FIELD}: {message}", code=f"{FIELD}_{kind}")
