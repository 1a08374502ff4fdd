"""How long personal data and history are kept.

Files:

clearing: Clear the personal data of finished invites; for the triggers, and for Envoy, that is no change.
finished: The invites that are finished for long, found page by page, those that were over first before
    others.
ledger: Delete the old lines of the ledger.
pruning: One run of retention: clear what is personal, delete what is history, batch by batch.
"""

from worker.retention.finished import days_before
from worker.retention.pruning import ATTEMPTS_DELETED, CLEARED, Pruning, part_of

__all__ = ["ATTEMPTS_DELETED", "CLEARED", "Pruning", "days_before", "part_of"]
