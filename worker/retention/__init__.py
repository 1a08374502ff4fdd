"""How long personal data and history are kept."""

from worker.retention.pruning import Pruning

__all__ = ["Pruning"]
