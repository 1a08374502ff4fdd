"""Envoy invite worker: pushes pending invites from a database to Envoy, each exactly once."""

__version__ = "0.1.0"
