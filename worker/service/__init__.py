"""The long-running process: signals, drain, watchdog.

Files:

ending: How the service ends: with 0 where it leaves nothing behind, else with 1, and a word on what it left.
notify: Tell systemd how the service is, if systemd asks: readiness, end, and signs of life (sd_notify).
serving: Serve until a signal comes, then drain: nothing new is begun, what is in flight ends, and is stored.
"""

from worker.service.serving import serve

__all__ = ["serve"]
