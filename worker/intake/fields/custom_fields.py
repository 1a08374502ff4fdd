"""Read custom fields: a JSON object of the labels of Envoy's sign-in fields and their values."""

import json
from collections.abc import Mapping
from typing import NoReturn

from worker.errors import InputError
from worker.intake.fields.cells import checked_text, given
from worker.invites.custom_fields import LABEL, LONGEST, MOST, VALUE


def custom_fields(field: str, value: object) -> dict[str, str] | None:
    """Return label and value as text; a blank value leaves its label out, no labels are None."""
    found = value if isinstance(value, Mapping) else _parsed(field, given(field, value))
    texts = {_label(field, label): _text(field, answer) for label, answer in found.items()}
    filled = {label: answer for label, answer in texts.items() if answer is not None}
    if len(filled) > MOST:
        raise InputError(field, f"has {len(filled):,} labels, the most is {MOST}", code="too_long")
    return filled or None


def load_json(written: str) -> object:
    """Return what the JSON text says; fractions stay as they are written, NaN and Infinity are refused.

    Raises:
        ValueError: it is no JSON (RFC 8259), or is nested absurdly deep.
    """
    try:
        return json.loads(written, parse_float=str, parse_constant=_refuse_constant)
    except RecursionError:
        pass
    raise ValueError("nested too deep")


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("no JSON number")


def _parsed(field: str, written: str | None) -> Mapping[object, object]:
    if written is None:
        return {}
    try:
        found = load_json(written)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(field, 'must be a JSON object, as in {"Purpose of visit": "Interview"}')
    return found


def _label(field: str, label: object) -> str:
    found = checked_text(field, given(field, label), LONGEST, LABEL)
    if found is None:
        raise InputError(field, "has a label that is blank")
    return found


def _text(field: str, answer: object) -> str | None:
    if isinstance(answer, bool | float):
        answer = json.dumps(answer)
    if answer is not None and not isinstance(answer, str | int):
        raise InputError(field, "may hold text, numbers, true and false only, nothing nested")
    return checked_text(field, given(field, answer), LONGEST, VALUE)
