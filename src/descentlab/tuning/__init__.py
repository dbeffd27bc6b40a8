"""Tuning: trials over each optimizer's search space, selection on validation, and runs on fresh seeds that report."""
