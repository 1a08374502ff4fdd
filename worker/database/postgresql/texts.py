"""Texts in PostgreSQL databases whose encoding is another one than UTF-8.

The server translates, and says no to a letter that its encoding lacks.  What Envoy says must not keep a
verdict from being stored, so such letters become question marks; what a caller says is checked before,
and never altered.  A database that is declared to have no encoding (SQL_ASCII) holds any bytes.
"""

import codecs
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from worker.errors import InputError

UTF8 = "UTF8"
NO_ENCODING = "SQL_ASCII"
# PostgreSQL's names that Python does not know; what is in neither is left to the server.
_PYTHON_S = {
    "EUC_CN": "gb2312",
    "EUC_JIS_2004": "shift_jis_2004",  # the same letters; Python's own has those of another standard, too
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
    "WIN866": "cp866",
    "WIN874": "cp874",
}
# Where the server's tables differ from Python's: what it lacks, and where the rest of what it has is.
_REFUSED = {
    "euc_jp": frozenset("\u00a2\u00a3\u00ac\u2016\u2212\u301c"),
    "shift_jis_2004": frozenset("\u2015\u2985\u2986\uffe3\uffe5"),
}
_BESIDES = {"euc_jp": "cp932"}
_MOST_BYTES = 3  # of a letter; Python composes Hangul that EUC_KR lacks of eight


def encoding(raw: Any) -> str:  # noqa: ANN401 -- any driver's connection
    """Return PostgreSQL's name of the database's encoding."""
    info = getattr(raw, "info", None)
    return (info.parameter_status("server_encoding") if info is not None else None) or UTF8


def codec(connection: sa.Connection) -> str | None:
    """Return Python's name of the encoding that texts must fit into, None if every text does."""
    if connection.dialect.name != "postgresql":
        return None
    return python_codec(encoding(connection.connection.driver_connection))


def python_codec(name: str) -> str | None:
    """Return Python's name of one of PostgreSQL's encodings, None if every text fits, or nobody knows."""
    if name in {UTF8, NO_ENCODING}:
        return None
    try:
        return codecs.lookup(_PYTHON_S.get(name, name.replace("WIN", "cp"))).name
    except LookupError:
        return None


def fits(text: str, into: str | None) -> bool:
    """Return whether a database of that codec can hold the text."""
    return into is None or text.isascii() or all(_holds(letter, into) for letter in text)


def fitted(text: str, into: str) -> str:
    """Return the text with a question mark for each letter that the codec lacks."""
    if text.isascii():
        return text
    return "".join(letter if _holds(letter, into) else "?" for letter in text)


@lru_cache(maxsize=4096)
def _holds(letter: str, into: str) -> bool:
    """Return whether a database of that codec can hold the letter."""
    if letter in _REFUSED.get(into, ()):
        return False
    if letter.isascii() or _is_in(letter, into):
        return True
    besides = _BESIDES.get(into)  # which has letters of everybody's own, too
    return besides is not None and letter.isprintable() and _is_in(letter, besides)


def _is_in(letter: str, name: str) -> bool:
    try:
        written = letter.encode(name)
        return len(written) <= _MOST_BYTES and written.decode(name) == letter
    except UnicodeError:
        return False


def lacking(values: Mapping[str, object], into: str | None) -> list[InputError]:
    """Return an error for each of a caller's values that a database of that codec cannot hold."""
    return [
        InputError(
            name,
            f"has a letter that the database's encoding ({into}) lacks",
            code="encoding",
            hint="write it in other letters, or use a database with the encoding UTF8",
        )
        for name, value in values.items()
        if not all(fits(text, into) for text in _texts(value))
    ]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for label, answer in value.items():
            yield from (*_texts(label), *_texts(answer))


def json_of(value: object, name: str) -> str:
    """Return JSON as a database of that encoding takes it: it knows no escape of a letter that it lacks."""
    if name == UTF8:
        return json.dumps(value)
    return fitted(json.dumps(value, ensure_ascii=False), python_codec(name) or "utf-8")
