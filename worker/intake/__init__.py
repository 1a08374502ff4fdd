"""Files and calls become rows of the table ``invite``: CSV, JSON Lines, Python.

Files:

batches: Store a batch of invites in one transaction, or, if a row is refused, the good ones of it.
enqueue: Hand in one visit from Python, inside the caller's own transaction.
fields: Single fields of a visit: read, checked, and stored as they were said or refused.
files: Files of visits: read line by line, and rejected lines written.
importing: Import a file: good lines go in, bad ones are reported, and a second time changes nothing.
mirroring: Import a file as a mirror: what it does not name any more, and still lies ahead, is withdrawn.
missing: The future invites of a connection that a file does not name; they can be withdrawn.
places: Look up what a connection adds to its invites: the zones of its locations, and its defaults.
problems: What can be wrong with what a caller hands in: a field, a row, a whole file.
refusals: Say which field a database's constraint is about; the driver's own text may quote the row.
rows: What a caller says of one visit, checked: the same rules for files and for Python calls.
storing: Bring rows of the table ``invite`` to what the caller wants, touching only those that differ.
"""

from worker.intake.enqueue import enqueue, hand_in
from worker.intake.fields.not_given import NOT_GIVEN
from worker.intake.importing import ImportReport, import_file
from worker.intake.mirroring import Check, mirror_file
from worker.intake.problems import FileRefused, InputErrors, Problem
from worker.intake.rows import FIELDS, NewInvite, parse

__all__ = [
    "FIELDS",
    "NOT_GIVEN",
    "Check",
    "FileRefused",
    "ImportReport",
    "InputErrors",
    "NewInvite",
    "Problem",
    "enqueue",
    "hand_in",
    "import_file",
    "mirror_file",
    "parse",
]
