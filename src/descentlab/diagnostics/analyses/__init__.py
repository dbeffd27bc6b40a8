"""Analyses of finished runs that kept their weights: what needs two runs or a whole trajectory. One analysis is one file."""
