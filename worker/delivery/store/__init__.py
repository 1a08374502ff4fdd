"""Store: claims, verdicts and what else settles a row, as the database takes it.

Files:

aside: What waits beside the journal: to be offered again, or for fewer to wait.
claiming: The statements that claim rows, each with its line of the ledger.
database_away: For how long a verdict is offered to a database that does not take it.
entries: What waits in the journal: who writes it, and whom to tell.
group: One transaction for all that has come in: claims, verdicts and small writes together.
in_hand: The verdicts of this process that are not stored, nor told: what is lost if it ends now.
journal: The journal: claims, verdicts and small writes that wait are one commit, whenever it is free.
rivals: The other ids under which Envoy may hold one and the same visit: none of them may stay unsaid.
statements: The statements by which a row and its ledger change, each for a whole group at once.
unstored: The attempts of this process that are not settled: what must be told if the process ends now.
verdicts: Store verdicts: fenced, so that a late answer settles its own attempt and no other.
"""
