"""The code of an exported script that is the same for all runs: data, batches, evaluation, optimizers, loop.

Names in capital letters are constants of the script (see settings.py). Conditions that depend only on them are evaluated when a
script is written: it contains the branch that applies to its run.
"""
