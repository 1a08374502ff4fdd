"""Tokens: a valid access token for a connection, whatever it takes.

Files:

access: A valid access token for a connection, whatever it takes; the worker's only way to get one.
calls: Call Envoy with a connection's token, and once more with a new one where it was refused.
expiry: How long tokens live, and when a new one is due: arithmetic only.
idle: Grants that nothing has used for long: their refresh tokens die of it.
refresh: The one refresher: a refresh token is used once, by one thread, and what it brings is never lost.
single_flight: One thread at a time for each connection, within this process.
stored: The access tokens that the table holds: who has one, how long it lasts, and when it is due.
"""
