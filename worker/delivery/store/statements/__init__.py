"""The statements by which a row and its ledger change, each for a whole group at once.

Files:

claim: Claim a row for one attempt: claim and intent are one commit, and it comes before the first byte.
finishing: Finish rows for which nothing has to be sent.
seen: What a conditional write compares with what was seen when it was decided: one rule for all of them.
settling: The statements that settle attempts: their rows, and their lines in the ledger.
small_write: A small write of somebody who waits for it, in the same transaction as claims and verdicts.
unclaim: A claim whose commit was not heard: it may stand, and surely nothing was sent for it.
"""
