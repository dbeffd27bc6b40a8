"""Seconds of runs on different hardware, or with different engines, compilation, precision or fused groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.report.answer import Answer, Flag
from descentlab.report.execution import execution_of
from descentlab.report.settings import MISSING, flatten, format_value
from descentlab.store.record import Record

ORDER = 85
HARDWARE = ("device", "processor", "cores", "threads")
MODES = ("engine", "compile", "deterministic", "optimizer.foreach")  # config keys that change the speed
GROUP = "fused group"
MODES += ("trainer.precision", "trainer.strategy", "trainer.devices", "trainer.num_nodes")


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each property of hardware or execution in which the reported runs differ."""
    runs = [run for entry in answer.entries for run in entry.series.runs if run.status.is_result]
    yield from _differences("hardware", HARDWARE, [run.hardware for run in runs])
    yield from _differences("execution", (*MODES, GROUP), [mode(run) for run in runs])


def mode(run: Record) -> dict[str, Any]:
    """Return the settings of a run that change its speed, `compile` as `auto` resolved it, and how the run was trained."""
    found = flatten(run.config)
    found["compile"] = run.summary.get("compile", found.get("compile"))
    return {**{key: found[key] for key in MODES if key in found}, GROUP: execution_of(run)}


def _differences(kind: str, keys: tuple[str, ...], known: list[Mapping[str, Any]]) -> Iterator[Flag]:
    for key in keys:
        values = dict.fromkeys(format_value(one[key]) for one in known if one.get(key, MISSING) not in (MISSING, None))
        if len(values) > 1:
            text = f"Seconds are not comparable: runs differ in {kind} ({key}: {', '.join(values)})."
            yield Flag("hardware", text)
