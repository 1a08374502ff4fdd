"""SHIM."""
from enum import StrEnum
from worker.database import Database
class WaitReason(StrEnum):
    COOLING = "cooling"
def set_aside(database: Database, connection_id: int, reason: WaitReason, seconds: float) -> None:
    pass
