"""How fast and how small the worker is, beside the least that the same work can cost."""
