"""The Envoy API: OAuth2, verbs, and responses turned into data or a typed error.

Nothing here knows a database, a connection or an invite row.  ``http``, with what it is made of, alone
knows the HTTP library; ``oauth`` speaks to the token endpoint, ``api`` to everything else.
"""
