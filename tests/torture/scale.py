"""How much of the proof is run: a sample with ``make test``, all of it with ``make torture``."""

import os

FULL = bool(os.environ.get("TORTURE_ROUNDS"))
SEED = int(os.environ.get("TORTURE_SEED") or 1)


def scaled(sample: int, full: int) -> int:
    """Return the number for this run."""
    return full if FULL else sample


ROUNDS = int(os.environ.get("TORTURE_ROUNDS") or 8)
