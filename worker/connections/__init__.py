"""Connections: each customer's grant, kept alive by one refresher, and how fast it may be used.

``authorise`` and ``grants`` bring a grant in, ``tokens`` keeps it valid, ``vault`` keeps it secret,
``holds`` and ``pace`` say when it may be used, ``store`` serves the operator.  Only ``tokens`` and
``grants`` ever call the token endpoint.
"""
