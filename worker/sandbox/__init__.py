"""A stand-in of Envoy's API: a real HTTP server on loopback, with faults to switch on.

It shares no code with the product, so that one misreading of Envoy's API
cannot hide on both sides.
"""

from worker.sandbox.faults import Faults
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.serving import Options, serve

__all__ = ["Faults", "Options", "Sandbox", "serve"]
