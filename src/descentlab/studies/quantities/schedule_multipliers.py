"""Learning-rate schedules as arrays, for predictions that need no run."""

from __future__ import annotations

from typing import Literal

import numpy as np

from descentlab.studies.quantities.arrays import Array

Name = Literal["constant", "linear", "cosine", "warmup_stable_decay"]


def schedule_multipliers(name: Name, steps: int, stable: float = 0.8) -> Array:
    """Return the multipliers (steps,) of a schedule without warm-up that ends at 0, at r = 0, 1 / T, ..., 1 - 1 / T.

    They are those of conf/schedule with the default keys: constant 1; linear 1 - r; cosine (1 + cos(pi r)) / 2;
    warmup_stable_decay 1 up to `stable`, then (1 - r) / (1 - stable).

    Args:
        name: an option of conf/schedule.
        steps: T, at least 1.
        stable: of warmup_stable_decay, the fraction of the steps before the decay; below 1.

    Raises:
        ValueError: `name` is not one of these, `steps` is below 1, or `stable` is not in [0, 1).
    """
    if steps < 1 or not 0 <= stable < 1:
        raise ValueError(f"{steps} steps with a stable fraction of {stable:g} are no schedule")
    r = np.arange(steps) / steps
    decay = max(steps - round(stable * steps), 1)  # steps
    decays = {
        "constant": np.ones(steps),
        "linear": 1 - r,
        "cosine": (1 + np.cos(np.pi * r)) / 2,
        "warmup_stable_decay": np.minimum(1.0, steps * (1 - r) / decay),
    }
    if name not in decays:
        raise ValueError(f"{name} is not one of {', '.join(decays)}")
    return decays[name]
