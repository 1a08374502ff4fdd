"""Find out what became of a create in doubt: look it up in Envoy, and decide.

Files:

decision: Decide what one look into Envoy means for a doubtful create; pure.
look_up: Look one doubtful create up in Envoy, and say what the look means.
matching: Whether one of the invites that Envoy lists is the one that a doubtful create would have made.
recording: Take a look-up, and store what it came to: fenced, so that no look counts twice.
run: Settle what is unknown: look each doubtful create up in Envoy, and decide once enough was seen.
unknown_rows: The doubtful creates that are due for a look into Envoy, and what a look is compared with.
"""
