"""``envoy-worker status``: what is going on.

Files:

command: ``envoy-worker status``: what is going on.
connections: The connections in ``status``: each of a few; of many the counts, and those that need a person.
"""

from worker.cli.status.command import register

__all__ = ["register"]
