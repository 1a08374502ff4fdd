"""TODO worker/database/sqlite."""
