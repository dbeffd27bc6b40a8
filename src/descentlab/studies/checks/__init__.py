"""Checks: kinds of claims, and how the values of runs decide them. Every module of this folder but `finding` is one.

A check is a module with the keys it has apart from the common ones (`check`, `arms`, `level`, `exact`), the numbers of arms it
takes, and two functions; a new file needs no other edit::

    KEYS = ("diverged", "at_most")
    ARMS = (1, 8)

    def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
        yield from mistakes_of_bound(settings)

    def find(claim: Claim) -> Finding:
        ...
        return decide(claim, estimates, claim.bound)

docs/checks.md lists the checks. None imports torch.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

import polars as pl

from descentlab.errors import UsageError, format_value, nearest
from descentlab.studies.checks.finding import Finding, Verdict, worst
from descentlab.studies.inference.claims import Claim, arms_of
from descentlab.studies.inference.keys import mistakes_of_arms, mistakes_of_keys

__all__ = ["Finding", "Verdict", "check_names", "evaluate", "mistakes", "worst"]


class Check(Protocol):
    """The contract of a module of this folder."""

    KEYS: tuple[str, ...]
    ARMS: tuple[int, int]

    def mistakes(self, settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield a sentence for each mistake in the keys of the check; unknown keys and arms are found for all checks."""
        ...

    def find(self, claim: Claim) -> Finding:
        """Return the finding of a claim with valid settings."""
        ...


def check_names() -> list[str]:
    """Return the names of all checks, found by listing this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "finding")


def evaluate(settings: Mapping[str, Any], values: pl.DataFrame) -> Finding:
    """Return the finding of a check.

    Args:
        settings: the YAML mapping of the check without the key `quantity`, such as
            {check: ratio, arms: [adam, nesterov], at_most: 1.1}.
        values: the quantity, one row per run: columns arm (str), x (float or null: the value of the grid's key), seed (int),
            value (float; null, NaN or infinite where the run diverged or the quantity is undefined).

    Raises:
        UsageError: the settings are not valid.
        ValueError: two rows have the same arm, x and seed, and the check needs one value of each.
    """
    found = mistakes(settings, [*dict.fromkeys([*values["arm"].to_list(), *_named(settings)])])
    if found:
        raise UsageError(" ".join(found))
    return _check(settings["check"]).find(Claim.of(settings, values))


def mistakes(settings: Mapping[str, Any], arms: Collection[str]) -> list[str]:
    """Return a sentence for each mistake in the settings of a check, such as an unknown arm; none if they are valid.

    Args:
        settings: as for `evaluate`.
        arms: the names of the arms that the study has.
    """
    name = settings.get("check")
    if name not in check_names():
        found = "has no key check" if name is None else f"{format_value(name)} is unknown{nearest(str(name), check_names())}"
        return [f"The check {found}; there are {', '.join(check_names())}."]
    check = _check(str(name))
    found = [*mistakes_of_keys(settings, check.KEYS), *mistakes_of_arms(settings, arms, *check.ARMS)]
    return [*found, *check.mistakes(settings)]


def _named(settings: Mapping[str, Any]) -> list[str]:
    """Return the arms that the settings name, if they are names."""
    return [arm for arm in arms_of(settings) if isinstance(arm, str)]


def _check(name: str) -> Check:
    return cast("Check", import_module(f"{__name__}.{name}"))
