"""One rule for every id that comes from Envoy, or is typed as one: what may be stored, shown and asked for.

Envoy's own ids are digits today, and UUIDs would do; anyone who answers in its place may write anything.
So an id is short, and made of signs that mean nothing in a path, a query, a list, a log or a shell.
"""

import re
from urllib.parse import quote

from worker.errors import Refused

LONGEST = 64
UNUSABLE = "id_unusable"
PERSON_HINT = "it is the number at the end of its address in Envoy"

# No "/", "\", "%", "?", "#", ".." (another place in a path), no "," (two ids in a list), no "@" (a person).
_IDENTIFIER = re.compile(r"(?!.*\.\.)[A-Za-z0-9_-][A-Za-z0-9._~:=+-]*")


def identifier(value: object) -> str | None:
    """Return an id as text; None if it is none, as if it had not been given.

    A whole number is an id; a fraction, true and false are not.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if 0 <= value < 10**LONGEST else ""
    if not isinstance(value, str) or len(value) > LONGEST or not _IDENTIFIER.fullmatch(value):
        return None
    return value


def item_path(collection: str, item_id: str) -> str:
    """Return the path of one item of *collection*.

    Raises:
        Refused: it is no id, as an older release or another hand may have stored it; nothing was sent.
    """
    if identifier(item_id) is None:
        raise Refused(
            "the id that is stored for it cannot be one of Envoy's, so nothing was sent", error_code=UNUSABLE
        )
    return f"{collection}/{quote(item_id, safe='')}"
