"""Files and calls become rows of the table ``invite``: CSV, JSON Lines, Python."""

from worker.intake.enqueue import enqueue, hand_in
from worker.intake.importing import ImportReport, import_file
from worker.intake.mirroring import Check, mirror_file
from worker.intake.not_given import NOT_GIVEN
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
