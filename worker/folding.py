"""Fold a text: what two spellings of it share, one of which may have been through Envoy."""

import html
import unicodedata

_MOST_LAYERS = 3  # of HTML entities: what was written for HTML twice is one text still


def fold(text: str | None) -> str:
    """Return the text without what gets lost or changed on the way to Envoy and back.

    HTML entities, the form in which Unicode writes an accent (NFC here), case, and the number and kind
    of blanks make no other name or address.  Equal folded texts mean the same; what differs after all
    may still do so, since Envoy may leave signs out.
    """
    plain = text or ""
    for _ in range(_MOST_LAYERS):
        if "&" not in plain:
            break
        plain = html.unescape(plain)
    # Decomposed before its case is folded, as Unicode's canonical caseless matching has it.
    caseless = unicodedata.normalize("NFD", plain).casefold()
    return " ".join(unicodedata.normalize("NFC", caseless).split())
