"""Locations and flows of each connection: read from Envoy, kept, and resolved by id or name."""

from worker.directory.refresh import refresh
from worker.directory.resolve import Directory
from worker.directory.store import load

__all__ = ["Directory", "load", "refresh"]
