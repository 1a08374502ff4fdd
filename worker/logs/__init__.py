"""Structured log events: one line each, redacted, and never in the way of the work.

A module takes ``log = structlog.get_logger()`` and emits the events of ``catalogue``; what it emits
before ``configure`` was called goes to structlog's own default.

Files:

catalogue: The catalogue of events: every name that the worker emits, at which levels, and what it tells.
configuring: Put structlog and the libraries' logging onto one chain and one stream.
known: The secrets we know: masked wherever they turn up, however long the text and however many they are.
output: The stream of the log: whatever becomes of it, the worker goes on.
patterns: What a secret or personal data looks like in a text, where nobody told us its value.
redaction: Make one event fit to be written: secrets and personal data out, every value plain and short.
rendering: One event as one line: JSON for machines, a readable form for a terminal.
"""

from worker.logs.configuring import add_secret, configure, mask_text

__all__ = ["add_secret", "configure", "mask_text"]
