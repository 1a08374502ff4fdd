"""The long-running process: signals, drain, watchdog."""

from worker.service.serving import serve

__all__ = ["serve"]
