"""Evaluate the checks of a study on the runs that have ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from descentlab.errors import UsageError
from descentlab.store.verdict import CheckResult
from descentlab.studies import checks
from descentlab.studies.checks.finding import Finding, Verdict
from descentlab.studies.measuring.measure import measure, reduced_quantity
from descentlab.studies.runs import Ended
from descentlab.studies.study import Study

OWN_KEYS = ("quantity", "name")  # keys of a check that `checks` does not read


def mistakes(study: Study) -> list[str]:
    """Return a sentence for each check that cannot be evaluated."""
    arms = [arm.name for arm in study.arms]
    found: list[str] = []
    for place, check in enumerate(study.checks, 1):
        own = checks.mistakes(_settings(check), arms)
        own += [] if "quantity" in check else ["quantity is missing"]
        found += [f"study={study.name}: check {place}: {mistake}" for mistake in own]
    return found


def evaluate(study: Study, ended: Sequence[Ended]) -> list[CheckResult]:
    """Return the outcome of each check."""
    return [_result(check, ended) for check in study.checks]


def _result(check: Mapping[str, Any], ended: Sequence[Ended]) -> CheckResult:
    try:
        values = measure(check["quantity"], ended, check.get("arms"))
        inner = reduced_quantity(check["quantity"])
        grid = pl.DataFrame() if inner is None else measure(inner, ended)
        finding = checks.evaluate(_settings(check), values)
    except UsageError as error:
        values, inner, grid, finding = pl.DataFrame(), None, pl.DataFrame(), _undefined(str(error))
    return CheckResult(
        check=dict(check),
        text=describe(check),
        quantity=quantity_text(check["quantity"]),
        verdict=str(finding.verdict),
        estimate=finding.estimate,
        low=finding.low,
        high=finding.high,
        n=finding.n,
        needed=finding.needed,
        effect=finding.effect,
        bound=finding.bound,
        reason=finding.reason,
        values=values.to_dicts(),
        grid=grid.to_dicts(),
        grid_quantity="" if inner is None else quantity_text(inner),
    )


def _undefined(reason: str) -> Finding:
    return Finding(Verdict.INCONCLUSIVE, None, None, None, 0, None, "", "", reason)


def _settings(check: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in check.items() if key not in OWN_KEYS}


def describe(check: Mapping[str, Any]) -> str:
    """Return a check as text: its `name`, or the quantity and the check."""
    return str(check["name"]) if "name" in check else f"{check['check']} of {quantity_text(check['quantity'])}"


def quantity_text(quantity: Any) -> str:
    """Return a quantity as text, such as "largest_passing of train/loss@end" or "rotation (part=lowest)"."""
    if not isinstance(quantity, Mapping):
        return str(quantity)
    inner = quantity_text(quantity["of"]) if "of" in quantity else ""
    outer = quantity.get("reduce") or quantity.get("kind") or ""
    if "kind" in quantity:
        settings = {
            key: value for key, value in quantity.items() if key not in ("kind", "of") and not isinstance(value, list | dict)
        }
        outer += f" ({', '.join(f'{key}={value}' for key, value in settings.items())})" if settings else ""
    operations = [(" minus ", "minus"), (" relative to ", "relative_to"), (" times ", "times")]
    more = "".join(f"{word}{quantity_text(quantity[key])}" for word, key in operations if key in quantity)
    return " of ".join(part for part in (str(outer), inner) if part) + more
