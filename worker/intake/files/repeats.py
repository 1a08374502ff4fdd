"""Know an external id that a file has twice, in 40 bytes for each line."""

import hashlib
import json

from worker.errors import InputError
from worker.intake.rows import NewInvite

DIGEST_BYTES = 16
LINE_BYTES = 8


class Seen:
    """Remembers the external ids of a file's good lines, by digest, and what the lines said."""

    def __init__(self) -> None:
        self._lines: dict[bytes, bytes] = {}

    def is_repeat(self, line: int, invite: NewInvite) -> bool:
        """Return whether an earlier line said exactly the same; else keep this one.

        To leave a column out is not the same as to empty it.

        Raises:
            InputError: an earlier line has the same external id and says something else.
        """
        key = _digest([invite.connection, invite.external_id])
        content = _digest(list(invite.changes().items()))
        first = self._lines.setdefault(key, content + line.to_bytes(LINE_BYTES))
        if first[:DIGEST_BYTES] != content:
            number = int.from_bytes(first[DIGEST_BYTES:])
            raise InputError(
                "external_id",
                f"stands on line {number} already, with other content; line {number} is kept",
                code="external_id_repeated",
            )
        return first[DIGEST_BYTES:] != line.to_bytes(LINE_BYTES)


def _digest(content: list[object]) -> bytes:
    text = json.dumps(content, default=str, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
