"""Learning-rate schedules: pure functions from a step to a multiplier, and ReduceOnPlateau, which follows a metric."""

from descentlab.optim.schedules.base import Schedule, UnknownEnd, in_steps
from descentlab.optim.schedules.cycle import CosineRestarts, OneCycle
from descentlab.optim.schedules.decay import (
    Constant,
    Cosine,
    Exponential,
    InverseSquareRoot,
    MultiStep,
    Polynomial,
    Step,
    WarmupStableDecay,
)
from descentlab.optim.schedules.growth import ExponentialGrowth
from descentlab.optim.schedules.momentum import IncreasingMomentum
from descentlab.optim.schedules.plateau import ReduceOnPlateau

__all__ = [
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "ExponentialGrowth",
    "IncreasingMomentum",
    "InverseSquareRoot",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "UnknownEnd",
    "WarmupStableDecay",
    "in_steps",
]
