"""Compares the runs of sweeps: load -> statistics -> tables -> figures -> page. Reads records only."""
