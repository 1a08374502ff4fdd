"""Names as Envoy might show them: the same to a reader, and not to a comparison."""

import html.entities
import unicodedata
from collections.abc import Callable, Mapping

from worker.sandbox.values import Record


def shown(record: Record, word: str) -> Record:
    """Return a record with its name, or its visitor's, changed in the way that *word* says; "" for none."""
    if not word:
        return record
    change = _CHANGES[word]
    invitee = record.get("invitee")
    if invitee is not None:
        return {**record, "invitee": {**invitee, "name": change(invitee["name"])}}
    return {**record, "name": change(record["name"])} if "name" in record else record


def _decomposed(name: str) -> str:
    return unicodedata.normalize("NFD", name)


def _with_entities(name: str) -> str:
    known = html.entities.codepoint2name
    return "".join(f"&{known[ord(sign)]};" if ord(sign) in known else sign for sign in name)


def _without_emoji(name: str) -> str:
    # So (symbol, other) holds the pictures, Cs and Cf what joins and colours them.
    kept = (sign for sign in name if unicodedata.category(sign) not in {"So", "Sk", "Cf"})
    return " ".join("".join(kept).split())


_CHANGES: Mapping[str, Callable[[str], str]] = {
    "decomposed": _decomposed,
    "entities": _with_entities,
    "trimmed": lambda name: " ".join(name.split()),
    "without_emoji": _without_emoji,
    "upper": str.upper,
}
