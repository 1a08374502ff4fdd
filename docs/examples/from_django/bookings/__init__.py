"""An application of our own that has visitors."""
