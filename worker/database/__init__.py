"""The database: engine, transactions, the one clock, and the schema's version.

Files:

ahead: The clock rule: a stored time that lies further ahead than it can came from a clock that was wrong.
engine: The engine: how transactions begin, whose clock counts, and what a failure means.
failures: What a database failure means to its caller; no bound value is ever shown.
home: Where the worker's tables are: in a schema or a file of their own, or beside another application's.
meanings: The table of what the databases' own words for a failure mean; see `failures` for how it is looked
    up.
owner: Who holds a lease: this host's boot, this process, and its start; so that the dead hold nothing.
postgresql: What only PostgreSQL needs.
repeating: Do a transaction again that was rolled back for another's sake.
schema: The schema's version: may this release run on this database, and bring it up to date.
sqlite: What only an SQLite file needs.
statements: Statements: built once, compiled once, and what they bring and take.
triggers: The triggers that keep a delivery in step with its invite: each must be there, and fire for all
    writers.
troubles: Trouble with the database, told once when it begins and once when it is over.
types: Column types that mean the same on SQLite and on PostgreSQL.
urls: The URL of the database, as the many libraries that have one write it.
"""

from worker.database.engine import Database
from worker.database.sqlite.files import Access
from worker.database.types import StrictJson, Timestamp, utc_now

__all__ = ["Access", "Database", "StrictJson", "Timestamp", "utc_now"]
