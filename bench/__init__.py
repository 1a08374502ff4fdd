"""How fast and how small the worker is, measured against the bundled sandbox on loopback."""
