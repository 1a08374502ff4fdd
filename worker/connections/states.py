"""How a connection stands, and why it is held or waits: the words that are stored and shown."""

from enum import StrEnum


class ConnectionStatus(StrEnum):
    """How a connection stands; ``held`` is shown while its hold lasts, and never stored."""

    ACTIVE = "active"
    HELD = "held"
    NEEDS_AUTHORISATION = "needs_authorisation"
    REMOVED = "removed"


class HoldReason(StrEnum):
    """Why a connection is not used until a stored time."""

    RATE_LIMITED = "rate_limited"
    OUTAGE = "outage"
    FORBIDDEN = "forbidden"
    UNAUTHORISED = "unauthorised"
    PAUSED = "paused"
    REFUSES_ALL = "refuses_all"  # Envoy refuses every row of every customer alike
    OTHER_COMPANY = "other_company"  # the grant turned out to be another company's
    DAMAGED_TOKEN = "damaged_token"  # noqa: S105 -- no password: what is stored of the grant cannot be read


class WaitReason(StrEnum):
    """Why a connection waits for a moment though it is not held: nobody need know, and it ends by itself."""

    PACE = "pace"  # its next place comes later
    COOLING = "cooling"  # it has no valid token, and refreshing rests after a failure


# Held until a person acts; whatever else goes wrong does not replace them.  A pause is kept beneath
# the others: when they end, it holds.
ENDED_BY_CONSENT = frozenset({HoldReason.OTHER_COMPANY, HoldReason.DAMAGED_TOKEN})
ENDED_BY_A_PERSON = frozenset({HoldReason.PAUSED}) | ENDED_BY_CONSENT
