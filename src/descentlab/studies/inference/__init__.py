"""Inference of checks: estimates with intervals over seeds, bounds, and the rule that gives the verdict."""
