"""Samplers: strategies that propose points of a search space, as positions in the unit cube."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from descentlab.tuning.samplers.base import Sampler

if TYPE_CHECKING:
    from descentlab.config.search import Range


def _sequence(kind: str) -> Callable[[Sequence[Range], int, int], Sampler]:
    def make(ranges: Sequence[Range], trials: int, seed: int) -> Sampler:
        from descentlab.tuning.samplers.sequence import Sequences

        return Sequences(kind, len(ranges), seed)

    return make


def _grid(ranges: Sequence[Range], trials: int, seed: int) -> Sampler:
    from descentlab.tuning.samplers.grid import EvenGrid

    return EvenGrid(ranges, trials)


def _tpe(ranges: Sequence[Range], trials: int, seed: int) -> Sampler:
    from descentlab.tuning.samplers.tpe import Tpe

    return Tpe(ranges, seed)


# name -> a function of the ranges, the number of trials and the seed; libraries are imported when a sampler is made
SAMPLERS: Mapping[str, Callable[[Sequence[Range], int, int], Sampler]] = {
    "sobol": _sequence("sobol"),
    "halton": _sequence("halton"),
    "random": _sequence("random"),
    "grid": _grid,
    "tpe": _tpe,
}
