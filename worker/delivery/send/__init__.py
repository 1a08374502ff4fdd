"""Send: one claim, one request, and the outcome handed over."""
