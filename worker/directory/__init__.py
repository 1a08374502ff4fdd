"""Locations and flows of each connection: read from Envoy, kept, and resolved by id or name."""

from worker.directory.due import DuePages
from worker.directory.refresh import refresh
from worker.directory.resolve import Directory
from worker.directory.round import Round
from worker.directory.store import load, load_in

__all__ = ["Directory", "DuePages", "Round", "load", "load_in", "refresh"]
