"""What signs the texts of a visit may hold: the same where they come in and where they go out.

A row that a caller wrote by SQL was not asked for them on its way in.
"""

import re
import unicodedata
from enum import Enum

from worker.errors import InputError

CONTROL, INVISIBLE = "control_character", "invisible_character"
CODES = frozenset({CONTROL, INVISIBLE})


class Form(Enum):
    """What a text is, and so which signs it may hold beside those that can be seen."""

    KEY = "the caller's own word: no control character"
    LINE = "people read it: no line break either, nothing that only hides, and something to be seen"
    LINES = "people read it: tabs and line breaks, too"
    ADDRESS = "machines compare it: nothing that cannot be seen"


FORMS = {
    "connection": Form.KEY,
    "external_id": Form.KEY,
    "invitee_name": Form.LINE,
    "invitee_email": Form.ADDRESS,
    "location": Form.LINE,
    "flow": Form.LINE,
    "host_employee_id": Form.ADDRESS,
    "host_email": Form.ADDRESS,
    "notes": Form.LINES,
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LINE_BREAKS = re.compile(r"\r\n?")
_CONTROLS = frozenset({"Cc", "Cs"})  # and halves of surrogate pairs
_SEPARATORS = frozenset({"Zl", "Zp"})  # of lines and of paragraphs
# Scripts need joiners and direction marks; none needs what turns around all that follows, or only hides.
_HIDING = re.compile("[\u00ad\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def one_kind_of_breaks(text: str) -> str:
    """Return the text with each line break as one newline."""
    return _LINE_BREAKS.sub("\n", text) if "\r" in text else text


def require_fit(field: str, text: str, form: Form, *, what: str = "") -> None:
    """Return where a text may be sent as it stands.

    *what* is said before the reason; the text itself is never quoted.

    Raises:
        InputError: ``control_character`` or ``invisible_character``.
    """
    plain = text.replace("\n", "").replace("\t", "") if form is Form.LINES else text
    if not plain.isprintable():  # most are, and that is told at once
        _require_no_odd_sign(field, text, form, what)
    if form is Form.LINE and not any(map(_can_be_seen, text)):
        raise InputError(field, f"{what}holds nothing that can be seen", code=INVISIBLE)


def require_email(field: str, address: str, *, what: str = "") -> None:
    """Return where it has the form and the signs of an e-mail address.

    Raises:
        InputError: ``email_form``, ``control_character`` or ``invisible_character``.
    """
    if not (address.isascii() and address.isprintable()):
        require_fit(field, address, Form.ADDRESS, what=what)
    if not _EMAIL.fullmatch(address):
        rule = "must have one @, something on both sides of it, and no spaces"
        raise InputError(field, f"{what}{rule}", code="email_form")


def _require_no_odd_sign(field: str, text: str, form: Form, what: str) -> None:
    if sign := next((sign for sign in text if _is_control(sign, form)), ""):
        raise InputError(field, f"{what}holds a control character (U+{ord(sign):04X})", code=CONTROL)
    if sign := next((sign for sign in text if _is_hidden(sign, form)), ""):
        raise InputError(field, f"{what}holds an invisible character (U+{ord(sign):04X})", code=INVISIBLE)


def _is_control(sign: str, form: Form) -> bool:
    category = unicodedata.category(sign)
    if form is Form.LINES:
        return category in _CONTROLS and sign not in "\n\t"
    return category in _CONTROLS or (category in _SEPARATORS and form is not Form.KEY)


def _is_hidden(sign: str, form: Form) -> bool:
    if form is Form.LINE:
        return bool(_HIDING.match(sign))
    return form is Form.ADDRESS and unicodedata.category(sign) == "Cf"


def _can_be_seen(sign: str) -> bool:
    return unicodedata.category(sign)[0] not in "CMZ" and sign not in _BLANK_LETTERS
