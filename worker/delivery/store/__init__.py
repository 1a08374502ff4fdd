"""Store: claims, verdicts and what else settles a row, as the database takes it."""
