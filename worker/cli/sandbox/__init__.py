"""``envoy-worker sandbox``: the stand-in of Envoy, to try things out.

Files:

command: ``envoy-worker sandbox``: the stand-in of Envoy, to try things out.
switches: The switches of ``envoy-worker sandbox``: where it listens, and each fault that is on from its
    start.
"""

from worker.cli.sandbox.command import register

__all__ = ["register"]
