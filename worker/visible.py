"""Make foreign text fit for a person to read: nothing in it acts, hides, or turns its neighbours around."""

import functools
import re
import unicodedata

# Letters by category, and blank: Hangul's fillers.
_BLANK = "\u115f\u1160\u3164\uffa0"
_HAS_BLANK = re.compile(f"[{_BLANK}]")
_ODD_IN_JSON = re.compile(rf"[^\n -~]|[{_BLANK}]")  # what might be no plain sign


def visible(text: str) -> str:
    r"""Return *text* on one line, in which all that no reader would see is written out: ``\x1b``, ``\u202e``.

    That is every control, format and private character, half of a pair, end of a line or paragraph, and
    what this Unicode does not know.  Letters, marks and blanks of any script stay; so does a backslash.
    """
    if text.isprintable() and (text.isascii() or not _HAS_BLANK.search(text)):
        return text
    return "".join(map(_shown, text))


def visible_json(document: str) -> str:
    """Return a JSON document with the same written as JSON's own escapes: a parser reads what it read."""
    return _ODD_IN_JSON.sub(lambda found: _in_json(found[0]), document)


def is_plain(sign: str) -> bool:
    """Return whether one character may stand in a line as it is."""
    if sign.isprintable():
        return sign not in _BLANK
    return unicodedata.category(sign) == "Zs"  # blanks of other widths: Japanese names have one


@functools.lru_cache(maxsize=4096)
def _shown(sign: str) -> str:
    return sign if is_plain(sign) else sign.encode("unicode_escape").decode("ascii")


@functools.lru_cache(maxsize=4096)
def _in_json(sign: str) -> str:
    if is_plain(sign):
        return sign
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
