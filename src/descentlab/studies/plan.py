"""The plan of a study: everything that decides about its verdict, fixed before the first run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from descentlab.studies.study import Study

PLANNED = ("claim", "shared", "arms", "seeds", "select", "checks", "first_seed", "size")


def plan_of(study: Study) -> dict[str, Any]:
    """Return the plan of a study as JSON."""
    content = {key: value for key, value in asdict(study).items() if key in PLANNED}
    return json.loads(json.dumps(content, default=str))


def deviations(planned: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each part of the plan that has changed since it was written."""
    for key in PLANNED:
        if planned.get(key) == now.get(key):
            continue
        if key == "checks":
            before = [json.dumps(check, sort_keys=True) for check in planned.get(key) or []]
            after = [json.dumps(check, sort_keys=True) for check in now.get(key) or []]
            yield from (f"this check was not planned: {check}" for check in after if check not in before)
            yield from (f"this planned check was left out: {check}" for check in before if check not in after)
        else:
            yield f"{key} was {_short(planned.get(key))} in the plan, and is {_short(now.get(key))}"


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."
