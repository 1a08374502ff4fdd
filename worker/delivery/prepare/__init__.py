"""Prepare: all that can fail or wait before an attempt."""
