"""TODO worker/envoy/http."""
