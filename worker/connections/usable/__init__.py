"""May a connection be used now?  Holds, outages, pace: each is a stored moment with its reason.

Files:

finding: May a connection be used now?  One answer for all who ask, stored, with its reason.
gate: The gate before Envoy: after an answer that leaves doubt, nothing is claimed until a probe was answered.
holds: Holds: a connection is not used until a stored time, for a stored reason.
host_outage: The outage of a whole host, stored: until when nobody sends, and who may ask whether it answers
    again.
moves: Put a connection on hold or release it, in a transaction of its own, and tell of it after the commit.
pace: One stored pace per connection, for all workers together.
refusing: A host of Envoy's that refuses every row of every customer alike, stored for all workers.
resuming: What an operator ends who says that a connection, or all of them, shall be used again.
rules: When a connection is held, for how long, and what a hold writes: arithmetic only.
"""
