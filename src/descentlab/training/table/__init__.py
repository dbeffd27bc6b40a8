"""Runs of a table (records=table): blocks of stacked runs without observers, whose results are arrays with a value per run.

parts.py builds what all blocks share, variants.py and numbers.py compute the numbers of all runs from those of the swept
values, programs.py chooses the size of blocks, block.py trains a block, outcome.py decides which runs have diverged and which
weights are best, and scores.py evaluates a split.
"""
