"""Constant and decreasing schedules. Lengths are in steps after the warm-up; below 1, fractions of those."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from descentlab.config.types import NonNegative, Positive, PositiveShare, Share
from descentlab.optim.schedules.base import Schedule, in_steps, in_whole_steps, known


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """1 at every step."""

    def shape(self, step: int, total: int | None) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """gamma^floor(step / every) (torch's StepLR).

    Args:
        every: steps between two reductions; below 1, a fraction of the steps after the warm-up.
        gamma: the factor of each reduction, in (0, 1].
    """

    every: Positive = 0.25
    gamma: PositiveShare = 0.1

    def shape(self, step: int, total: int | None) -> float:
        return self.gamma ** (step // in_whole_steps(self.every, total))


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """gamma^(milestones reached) (torch's MultiStepLR).

    Args:
        milestones: the steps at which the multiplier is reduced; below 1, fractions of the steps after the warm-up.
        gamma: the factor of each reduction, in (0, 1].
    """

    milestones: Sequence[Positive] = (0.5, 0.75)
    gamma: PositiveShare = 0.1

    def shape(self, step: int, total: int | None) -> float:
        return self.gamma ** sum(step >= max(1, in_steps(milestone, total)) for milestone in self.milestones)


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    """gamma^(step / every), a continuous `Step` (torch's ExponentialLR has every = 1).

    Args:
        every: steps over which the multiplier falls by the factor gamma; below 1, a fraction of the steps after the warm-up.
        gamma: the factor, in (0, 1].
    """

    every: Positive = 0.5
    gamma: PositiveShare = 0.1

    def shape(self, step: int, total: int | None) -> float:
        return self.gamma ** (step / in_whole_steps(self.every, total))


@dataclass(frozen=True, kw_only=True)
class Polynomial(Schedule):
    """final + (1 - final) (1 - step / total)^power (torch's PolynomialLR, which has final = 0); linear for power 1.

    Args:
        power: > 0.
        final: the multiplier that is approached at the end, in [0, 1].
    """

    power: Positive = 1.0
    final: Share = 0.0

    def shape(self, step: int, total: int | None) -> float:
        return self.final + (1 - self.final) * max(0.0, 1 - step / known(total)) ** self.power


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """final + (1 - final) (1 + cos(pi step / total)) / 2 (arXiv:1608.03983, eq. 5, one period; torch's CosineAnnealingLR).

    Args:
        final: the multiplier that is approached at the end, in [0, 1].
    """

    final: Share = 0.0

    def shape(self, step: int, total: int | None) -> float:
        return self.final + (1 - self.final) * half_cosine(step / known(total))


@dataclass(frozen=True, kw_only=True)
class InverseSquareRoot(Schedule):
    """sqrt(timescale / (timescale + step)) (Zhai et al., arXiv:2106.04560, section 3.5, without its cooldown).

    With timescale = warmup this is the Transformer's schedule (arXiv:1706.03762, eq. 3), scaled to a peak of 1.

    Args:
        timescale: in steps; below 1, a fraction of the steps after the warm-up. After three timescales the multiplier is 1/2.
    """

    timescale: Positive = 100

    def shape(self, step: int, total: int | None) -> float:
        timescale = in_whole_steps(self.timescale, total)
        return math.sqrt(timescale / (timescale + step))


@dataclass(frozen=True, kw_only=True)
class WarmupStableDecay(Schedule):
    """1 for `stable` steps, then a decay to `final` at the end (MiniCPM, arXiv:2404.06395, section 4).

    With x the elapsed fraction of the decay, the multiplier is 1 - (1 - final) x for a linear decay,
    1 - (1 - final) sqrt(x) for 1-sqrt (Hägele et al., arXiv:2405.18392). MiniCPM itself decays exponentially.

    Args:
        stable: steps before the decay; below 1, a fraction of the steps after the warm-up.
        decay: the shape of the decay.
        final: the multiplier that is approached at the end, in [0, 1].
    """

    stable: NonNegative = 0.8
    decay: Literal["linear", "1-sqrt"] = "linear"
    final: Share = 0.0

    def shape(self, step: int, total: int | None) -> float:
        stable = in_steps(self.stable, total)
        over = min(max(step - stable, 0) / max(known(total) - stable, 1), 1.0)
        return 1 - (1 - self.final) * (over if self.decay == "linear" else math.sqrt(over))


def half_cosine(progress: float) -> float:
    """Return (1 + cos(pi progress)) / 2, which falls from 1 at 0 to 0 at 1, and is 0 above."""
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
