"""The machinery of probes: when each is measured, and on what."""
