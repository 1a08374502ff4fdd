"""The Envoy API: OAuth2, verbs, and responses turned into data or a typed error.

Nothing here knows a database, a connection or an invite row.  ``http`` is the only module of the
project that knows the HTTP library; ``oauth`` speaks to the token endpoint, ``api`` to everything else.
"""
