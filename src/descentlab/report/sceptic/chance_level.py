"""Entries whose result is at the level of chance, or no better than before training."""

from __future__ import annotations

from collections.abc import Iterator

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.statistics.curves import run_curves
from descentlab.store.record import Record, is_better

ORDER = 10
CHANCE = {"auroc": 0.5, "r2": 0.0}  # value of a constant prediction
MARGIN = 0.05  # of the distance from chance to a perfect score; a trained model exceeds it


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each entry whose mean validation value is at chance level, or no better than that before training."""
    for entry in answer.entries:
        values = [float(value) for run in entry.completed if (value := run.summary.get("best_valid")) is not None]
        if not values:
            continue
        mean = sum(values) / len(values)
        monitor, mode = answer.comparison.monitor, answer.comparison.mode
        chance = chance_level(entry.completed[0], monitor)
        if chance is not None and mean <= chance + MARGIN * (1 - chance):
            yield _at_chance(entry, monitor, mean, chance)
        elif chance is None and not any(_has_learned(run, monitor, mode) for run in entry.completed):
            yield _untrained(entry, monitor)


def chance_level(run: Record, metric: str) -> float | None:
    """Return the value of `metric` that a prediction without information reaches; None if it is not known.

    That is 1 / number of classes for an accuracy, .5 for the area under the ROC curve, 0 for the R2 of a regression. A model
    that always predicts the most frequent class of unbalanced data has a higher accuracy.
    """
    classes = (run.config.get("task") or {}).get("num_classes")
    if metric == "accuracy" and classes:
        return 1 / int(classes)
    return CHANCE.get(metric)


def _has_learned(run: Record, metric: str, mode: str) -> bool:
    """Return True if the best validation value is better than the one before training, or if that one is not known."""
    curves, column = run_curves(run), f"valid/{metric}"
    if column not in curves.columns or run.summary.get("best_valid") is None:
        return True
    first = curves.filter(step=0)[column].drop_nulls()
    return first.is_empty() or is_better(float(run.summary["best_valid"]), float(first[0]), mode)


def _at_chance(entry: Entry, monitor: str, mean: float, chance: float) -> Flag:
    message = f"{entry.name} is at chance level: its validation {monitor} is {mean:.3g}, and guessing gives {chance:.3g}."
    frame = (f"At chance level, where guessing gives a validation {monitor} of {chance:.3g}: ", ".")
    return Flag("chance_level", message, entry.name, frame, f"{mean:.3g}")


def _untrained(entry: Entry, monitor: str) -> Flag:
    message = f"{entry.name}: the best validation {monitor} is no better than before training, so nothing was learned."
    frame = (f"The best validation {monitor} is no better than before training: ", ".")
    return Flag("chance_level", message, entry.name, frame)
