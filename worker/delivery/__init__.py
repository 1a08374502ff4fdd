"""Deliver invites: plan, claim, attempt, verdict."""
