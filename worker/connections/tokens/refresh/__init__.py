"""The one refresher: a refresh token is used once, by one thread, and what it brings is never lost.

Files:

client_standing: How our own application stands with the token endpoint, as this process has seen it.
cool_down: Refreshing rests after a failure: how long, and whether a connection is of no use until then.
failures: What becomes of a connection whose refresh failed: only a dead grant ends it.
lease: The right to refresh one connection, held by one thread of one process at a time.
lease_ends: When the refresh lease of somebody else is over, whatever a wall clock says.
lost_answers: Refreshes whose answers were lost: Envoy may carry one out late, and so end the grant.
pool: The few threads that refresh tokens beside the work that uses them.
refresher: Refresh one connection under its lease: ask Envoy, and store what came of it.
saving: Store a new pair of tokens: in a transaction of its own, before anything uses it, whatever it takes.
spent: Refresh tokens that come from a backup: each works once, and may have been used since.
step: One step towards a valid token: refresh it, or see what hinders that; it never waits for anybody.
"""
