"""Store: claims, verdicts and what else settles a row, as the database takes it.

Files:

aside: What waits beside the journal: to be offered again, or for fewer to wait.
claims: Claim a row for one attempt; the journal commits it with its intent, before the first byte.
database_away: For how long a verdict is offered to a database that does not take it.
entries: What waits in the journal: who writes it, and whom to tell.
finishing: Finish rows for which nothing has to be sent.
group: The commit of all that has come in: claims with their intents, verdicts, and small writes together.
in_hand: The verdicts of this process that are not stored, nor told: what is lost if it ends now.
journal: The journal: claims, verdicts and small writes that wait are one commit, whenever it is free.
rivals: The other ids under which Envoy may hold one and the same visit: none of them may stay unsaid.
small_write: A small write of somebody who waits for it, in the same transaction as claims and verdicts.
statements: The statements by which a row and its ledger change, each for a whole group at once.
unclaim: A claim whose commit was not heard: it may stand, and surely nothing was sent for it.
unstored: The attempts of this process that are not settled: what must be told if the process ends now.
verdicts: Store verdicts, and when a deferred row is due again; a late answer settles its own attempt and no
    other.
"""
