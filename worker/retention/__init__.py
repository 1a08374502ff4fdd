"""How long personal data and history are kept."""

from worker.retention.finished import days_before
from worker.retention.pruning import ATTEMPTS_DELETED, CLEARED, Pruning, part_of

__all__ = ["ATTEMPTS_DELETED", "CLEARED", "Pruning", "days_before", "part_of"]
