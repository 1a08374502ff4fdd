"""The lines of docs/performance.md, a module for each kind."""
