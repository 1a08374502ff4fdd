"""``envoy-worker connections``: grants, holds and defaults; never tokens.

Files:

manage: ``envoy-worker connections list``, ``show``, ``pause``, ``resume`` and ``remove``.
set_defaults: ``envoy-worker connections set``: what the invites of a connection get by default.
"""

from worker.cli.connections.manage import register

__all__ = ["register"]
