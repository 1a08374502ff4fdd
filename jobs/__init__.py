"""What is done, one module a job; settings.toml registers them by reference."""
