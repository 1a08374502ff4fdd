"""Structured log events: one line each, redacted, and never in the way of the work.

A module takes ``log = structlog.get_logger()`` and emits the events of ``catalogue``; what it emits
before ``configure`` was called goes to structlog's own default.
"""

from worker.logs.configuring import add_secret, configure, mask_text

__all__ = ["add_secret", "configure", "mask_text"]
