"""The schema's history.  Imports nothing of the worker; ``HEAD`` is the revision this release is made for."""

HEAD = "0005"
