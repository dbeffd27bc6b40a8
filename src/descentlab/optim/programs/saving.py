"""The expected cost of compiling a program and the time that it saves, for single runs and for fused groups."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from descentlab.optim.programs import compiled

if TYPE_CHECKING:
    from descentlab.optim.programs.program import Program

COMPILING = 12.0  # seconds to compile a program until this has been measured, about the same for small and large networks
GAIN = 0.35  # least part of the time of a forward and backward pass that compiling saved; up to 0.8 for small networks
GAIN_OF_GROUP = 0.7  # part of the time of a traced step of stacked runs that compiling saves, until this has been measured
REPEATS = 3  # timed calls of a program
MARGIN = 1.5  # expected saving over the cost of compiling, from which it is worth it
PASSES, PASS_SECONDS = 20, 0.5  # passes that are timed, or fewer if they take longer


def compiling_seconds() -> float:
    """Return the expected seconds of compiling a program: those of the last program, if there was one on this machine."""
    return compiled.known_compiling() or COMPILING


def seconds_of(function: Callable[[], object]) -> float:
    """Return the seconds of a call of `function`: the smallest of several, after one that is not timed."""
    found: list[float] = []
    for _ in range(1 + REPEATS):
        began = time.perf_counter()
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        found.append(time.perf_counter() - began)
    return min(found[1:])


def try_to_compile(program: Program) -> bool:
    """Compile `program` and return True; if this is not possible, report the reason and return False."""
    try:
        program.compile()
    except RuntimeError as error:  # no compiler on this machine, or an operation that it does not support
        print(f"trained without compiling: {error}")
        return False
    return True


def saves_time(take_pass: Callable[[], None], steps: int, programs: int) -> bool:
    """Return True if compiling is expected to save more time than it costs.

    Args:
        take_pass: takes a forward and a backward pass of a batch, with the operations of torch.
        steps: the remaining steps of the run.
        programs: the number of programs that would have to be compiled.
    """
    return steps * GAIN * _median_seconds(take_pass) > MARGIN * programs * compiling_seconds()


def _median_seconds(take_pass: Callable[[], None]) -> float:
    """Return the median time of a pass; the first one, which is slower, is not timed."""
    take_pass()
    seconds: list[float] = []
    while len(seconds) < PASSES and sum(seconds) < PASS_SECONDS:
        began = time.perf_counter()
        take_pass()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
