"""Rank of this process in its run, read from the environment. Imports neither torch nor Lightning."""

from __future__ import annotations

import os

# Variables set by torchrun, by srun, and by a user who starts one command on each node; the first one that is set is used.
RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK", "GROUP_RANK")


def started_outside() -> bool:
    """Return True if torchrun or srun started several copies of this command, each of which is a process of the run."""
    return "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1


def on_several_nodes() -> bool:
    """Return True if the user starts this command on each node, and sets NODE_RANK to the index of the node."""
    return "NODE_RANK" in os.environ


def is_first() -> bool:
    """Return True in the process with global rank 0, the only one of its run that writes files."""
    return all(os.environ.get(variable, "0") == "0" for variable in (*RANKS, "LOCAL_RANK"))
