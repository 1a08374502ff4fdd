"""Tell systemd how the service is, if systemd asks: readiness, end, and signs of life (sd_notify)."""

import os
import socket
from collections.abc import Mapping


def notify(message: str, env: Mapping[str, str] = os.environ) -> None:
    """Send one message, such as ``READY=1``; do nothing where nobody listens."""
    address = env.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(message.encode(), "\0" + address[1:] if address[0] == "@" else address)
        except OSError:
            return


def watchdog_seconds(env: Mapping[str, str] = os.environ) -> float | None:
    """Return how often systemd wants a sign of life, None if it wants none."""
    micros = env.get("WATCHDOG_USEC", "")
    return int(micros) / 1_000_000 if micros.isdigit() and int(micros) else None
