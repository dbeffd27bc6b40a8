"""Samplers: strategies that propose points of a search space, as positions in the unit cube."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from descentlab.tuning.samplers.base import Sampler

if TYPE_CHECKING:
    from descentlab.config.search import Range

# name -> module and class; a module is imported when its sampler is used
SAMPLERS: Mapping[str, tuple[str, str]] = {
    "sobol": ("sequence", "Sobol"),
    "halton": ("sequence", "Halton"),
    "random": ("sequence", "Random"),
    "grid": ("grid", "EvenGrid"),
    "tpe": ("tpe", "Tpe"),
}


def make_sampler(name: str, ranges: Sequence[Range], trials: int, seed: int) -> Sampler:
    """Return the sampler called `name`.

    Args:
        name: a key of SAMPLERS.
        ranges: the ranges of the search space.
        trials: the largest number of points that will be requested.
        seed: of the random numbers.

    Raises:
        UsageError: the sampler cannot cover the ranges with `trials` points.
    """
    module, kind = SAMPLERS[name]
    return getattr(import_module(f"{__name__}.{module}"), kind)(ranges, trials, seed)
