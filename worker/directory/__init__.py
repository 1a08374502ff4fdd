"""Locations and flows of each connection: read from Envoy, kept, and resolved by id or name.

Files:

due: Connections whose directory is to be read again, a few at a time.
employees: Look employees up in Envoy, and believe for an hour what it answered.
entries: The locations and flows of a directory, as small as can be: a customer may have ten thousand.
model: The tables ``location`` and ``flow``, as last read from Envoy, and ``employee``: hosts once looked up.
refresh: Read a connection's directory from Envoy once more.
resolve: Resolve a location or flow by Envoy id or by name, or say what is wrong and what is near.
round: A round of all directories that are due: a few at once, and what is unchanged is noted together.
store: Keep a connection's directory as Envoy last showed it; only what differs is written.
"""

from worker.directory.due import DuePages
from worker.directory.refresh import refresh
from worker.directory.resolve import Directory
from worker.directory.round import Round
from worker.directory.store import load, load_in

__all__ = ["Directory", "DuePages", "Round", "load", "load_in", "refresh"]
