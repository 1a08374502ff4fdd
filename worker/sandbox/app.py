"""The external application as it is registered with the sandbox."""

from dataclasses import dataclass, field

SCOPES = (
    "locations.read",
    "flows.read",
    "invites.read",
    "invites.write",
    "employees.read",
    "token.refresh",
)


@dataclass(frozen=True, slots=True)
class App:
    """Client credentials, the scopes that may be granted, and how long tokens live, in seconds."""

    client_id: str = "sandbox-client"
    client_secret: str = field(default="sandbox-secret", repr=False)
    scopes: tuple[str, ...] = SCOPES
    access_token_seconds: float = 86400
    refresh_token_seconds: float = 2592000
    refresh_grace_seconds: float = 0
