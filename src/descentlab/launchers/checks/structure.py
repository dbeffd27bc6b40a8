"""The structure of a config: the part that determines the classes, the shapes and the code paths of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descentlab.config.identity import config_key, without_numbers

# Nodes whose numbers do not affect construction: trial steps with other numbers would find no other errors.
NUMBERS = (
    "optimizer",
    "auxiliary",
    "schedule",
    "momentum_schedule",
    "decay_schedule",
    "decay",
    "clip",
    "noise",
    "average",
    "stop",
)
SEEDS = ("seed", "data_seed", "logger", "sweep", "output_dir", "search", "workers", "jobs_per_gpu", "checkpoint", "baseline")
IGNORED = (*SEEDS, "budget", "target", "validate_every", "log_every", "lr_decay", "half_life", "compile")


def structure_of(config: Mapping[str, Any]) -> str:
    """Return a string key of the config without seeds, budgets and numeric hyperparameters.

    Configs with equal keys share one trial step.
    """
    kept = {key: value for key, value in config.items() if key not in IGNORED}
    return config_key({key: without_numbers(value) if key in NUMBERS else value for key, value in kept.items()})
