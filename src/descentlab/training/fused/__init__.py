"""Fused groups: runs of one structure, trained as one stacked program in one process.

group.py is the loop, member.py is one of the runs, block.py holds the stacked tensors of some of them, and evaluation.py
evaluates a split for all runs of a block. docs/fused.md explains what is fused and why.
"""
