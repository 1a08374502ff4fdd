"""``envoy-worker check``: what is wrong, and what to do.

Files:

access: Check who else may write what the worker believes, and who else may read what is secret.
command: ``envoy-worker check``: what is wrong, and what to do.
damage: Check an SQLite file for damage.
database: Check the database: there, migrated, on time, and its tokens readable.
envoy: Check the grants, and the way to Envoy.
findings: What a check finds: fine, a warning, or a failure with its exit code and what to do.
keys: Check the encryption keys: whose stored tokens they do not open.
postgresql: Check a PostgreSQL server: how it is reached, and whether it keeps what it has confirmed.
rows: Check that each invite has its delivery, and that the triggers which see to it fire.
setup: Check what the operator wrote: settings, secrets, jobs, and whose files they are.
"""

from worker.cli.check.command import register

__all__ = ["register"]
