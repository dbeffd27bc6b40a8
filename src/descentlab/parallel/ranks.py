"""Which process of a run this is, as whoever started it announces it in the environment. Knows neither torch nor Lightning."""

from __future__ import annotations

import os

# What torchrun, srun and a person who starts one command a node set, in the order they are believed.
RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK", "GROUP_RANK")


def started_outside() -> bool:
    """Whether torchrun or srun has started several copies of this command, each of which is to be one process of the run."""
    return "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1


def on_several_nodes() -> bool:
    """Whether a person has started this command on each node, and said which one this is."""
    return "NODE_RANK" in os.environ


def is_first() -> bool:
    """Whether this process is the one of its run that writes: global rank 0."""
    return all(os.environ.get(variable, "0") == "0" for variable in (*RANKS, "LOCAL_RANK"))
