"""The statements by which a row and its ledger change, each for a whole group at once.

Files:

claim: The statements that claim rows, each with its line of the ledger.
seen: What a conditional write compares with what was seen when it was decided: one rule for all of them.
settling: The statements that settle attempts: their rows, and their lines in the ledger.
"""
