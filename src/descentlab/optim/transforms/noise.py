"""Gaussian noise that is added to gradients, as a pure function of a run's seed and the step."""

from __future__ import annotations

from torch import Tensor

from descentlab.optim.programs.noise import Noise
from descentlab.optim.transforms.lists import Number

STREAM = 2**32  # added to the seed, which is smaller: the numbers differ from those of dropout


def add_noise(gradients: list[Tensor], deviation: Number, seed: Tensor | int, step: Tensor | int) -> list[Tensor]:
    """Return g + n for each gradient g, where the elements of n are independent and normal with mean 0.

    The same seed and step give the same numbers, in a single run, in a group of runs and after a resume.

    Args:
        deviation: the standard deviation of each element.
        seed, step: of the run, whole numbers, seed < 2^32; scalars on the device of the gradients if they are tensors.

    Source: Neelakantan et al., arXiv:1511.06807, eq. 1; Jin et al., arXiv:1902.04811, algorithm 2 (to leave saddle points).
    """
    noise = Noise(seed + STREAM, step, gradients[0].device if gradients else None)
    drawn = [noise.normal(gradient.shape).to(gradient.dtype) for gradient in gradients]
    return [gradient + (deviation * each).to(gradient.dtype) for gradient, each in zip(gradients, drawn, strict=True)]
