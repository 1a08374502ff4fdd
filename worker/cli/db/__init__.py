"""``envoy-worker db``: the schema of the database, and a database that comes from a backup.

Files:

restored: ``envoy-worker db restored``: the database comes from a backup, until `--end` says that this is
    over.
restored_notice: Say that a database comes from a backup, where it does.
schema: ``envoy-worker db``: the schema of the database.
"""

from worker.cli.db.schema import register

__all__ = ["register"]
