"""The database: engine, transactions, the one clock, and the schema's version."""

from worker.database.engine import Database
from worker.database.sqlite.files import Access
from worker.database.types import StrictJson, Timestamp, utc_now

__all__ = ["Access", "Database", "StrictJson", "Timestamp", "utc_now"]
