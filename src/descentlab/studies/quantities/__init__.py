"""Quantities that checks of studies compare, one kind a file."""
