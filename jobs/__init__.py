"""What is done, one module a job; settings.toml registers them by reference.

Files:

keep_tokens_fresh: Refresh grants that nothing has used for long, well before their refresh token dies.
prune_history: Clear the personal data of visits that are long over, and delete old history.
push_invites: Push pending invites to Envoy, each exactly once.
reconcile_invites: Look doubtful invites up in Envoy, and settle them without a person where that is safe.
refresh_directory: Read every connection's locations and flows from Envoy, all pages.
"""
