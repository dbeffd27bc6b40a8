"""Functions of the command line that give evenly spaced values: optimizer.lr=logspace(-3,1,9), lr_decay=linspace(0.1,1,10)."""

from typing import Union

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep

Bound = Union[int, float]  # noqa: UP007, Hydra compares the types of arguments with this form


def register_spacings(parser: OverridesParser) -> OverridesParser:
    """Add `linspace` and `logspace` to the functions of `parser`, and return it."""
    parser.functions.register(name="linspace", func=linspace)
    parser.functions.register(name="logspace", func=logspace)
    return parser


def linspace(start: Bound, stop: Bound, count: int) -> ChoiceSweep:
    """Return `count` evenly spaced values from `start` to `stop`, both included.

    Raises:
        ValueError: `count` is below 2.
    """
    return ChoiceSweep(list=list(_points(start, stop, count)))


def logspace(start: Bound, stop: Bound, count: int) -> ChoiceSweep:
    """Return `count` values from 10^start to 10^stop, both included, with a constant ratio, as numpy.logspace does.

    Each has 12 significant digits, so that 0.001 is not 0.0010000000000000002.

    Raises:
        ValueError: `count` is below 2.
    """
    return ChoiceSweep(list=[float(f"{10.0**exponent:.12g}") for exponent in _points(start, stop, count)])


def _points(start: Bound, stop: Bound, count: int) -> list[float]:
    if count < 2:
        raise ValueError(f"the number of values is {count}, and must be at least 2")
    return [float(f"{start + (stop - start) * place / (count - 1):.12g}") for place in range(count)]
