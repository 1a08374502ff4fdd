"""The states of a delivery; the arrows are the usual moves.

A late answer makes any row ``sent`` that was not tried again since, or ``pending`` where its caller has
changed it.  Each move is one guarded UPDATE: what it compares is the rule, not this picture.

::

                 ┌──────────── the caller changes the row ─────────────┐
                 v                                                     │
              pending ──claim──> sending ──verdict──> sent ────────────┤
               │  ^ ^               │  │                               │
               │  │ └── deferred ───┘  ├─ refused ──> rejected ────────┤
               │  │                    └─ doubtful ─> unknown          │
               │  └── looked up, or a person's verdict ──┘ └─> sent    │
               ├─ refused by validation ─> rejected ───────────────────┤
               ├─ visit over ────────────> expired ──(not over)────────┤
               └─ not wanted, not there ─> withdrawn ──────────────────┘
"""

from enum import StrEnum


class Status(StrEnum):
    """How an invite stands with Envoy."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Kind(StrEnum):
    """What an attempt tries."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    LOOK_UP = "look_up"
    PERSON = "person"


class Verdict(StrEnum):
    """What an attempt came to."""

    SENT = "sent"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"


class Wanted(StrEnum):
    """Whether the caller wants the invite to exist in Envoy."""

    PRESENT = "present"
    ABSENT = "absent"


FINISHED = frozenset({Status.SENT, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN})
IN_DOUBT = frozenset({Status.SENDING, Status.UNKNOWN})
