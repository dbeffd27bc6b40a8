"""One optimizer step as a program: a pure function of tensors, for one run or for a block of stacked runs.

step.py defines the function, columns.py the numbers that differ between runs and steps, update_rules.py the rule of an
optimizer, and noise.py the random numbers. program.py traces the function to a graph of operations, wide.py rewrites products
that all runs of a block share, and compiled.py compiles the graph and keeps it on disk. reasons.py finds the runs for which
this is impossible.
"""
