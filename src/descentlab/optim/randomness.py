"""Random numbers that depend on a seed alone, not on the state of the process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from descentlab.store.checkpoint import random_state, set_random_state


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Context in which the random numbers of Python, NumPy and torch depend on `seed` alone; it restores their state."""
    before = random_state()
    try:
        for set_seed in (random.seed, np.random.seed, torch.manual_seed):
            set_seed(seed % 2**32)
        yield
    finally:
        set_random_state(before)
