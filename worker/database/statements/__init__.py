"""TODO worker/database/statements."""
