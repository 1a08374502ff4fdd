"""TODO worker/database/postgresql."""
