"""The criterion of an answer: the number by which entries are compared, chosen by ``report.by``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from descentlab.errors import UsageError, nearest
from descentlab.report.formats import Format, format_count, format_number, format_seconds
from descentlab.report.series import Comparison
from descentlab.report.statistics.ranges import FRACTION, bounds_of
from descentlab.store.record import Record, read_curves

Mode = Literal["max", "min"]
Get = Callable[[Record], float | None]

COSTS: Mapping[str, tuple[str, str, Format]] = {  # numbers of a summary of which lower is better: label, unit, format
    "steps_to_target": ("steps to target", "steps", format_count),
    "seconds_to_target": ("seconds to target", "seconds", format_seconds),
    "gradient_evaluations_to_target": ("gradient evaluations to target", "gradient evaluations", format_count),
    "train_seconds": ("training seconds", "seconds of training", format_seconds),
}
SPLITS = {"test": "test", "valid": "validation"}
# Metrics of which lower values are better. Of all other metrics of descentlab's tasks, higher values are better.
LOWER = ("loss", "mse", "rmse", "mae", "brier", "calibration_error", "distance", "perplexity", "bits_per_character")
LOWER += ("eer", "kl", "reconstruction")
HIGHER = ("r2", "psnr")  # and every metric in [0, 1] that is not in LOWER


@dataclass(frozen=True)
class Criterion:
    """A number of a run by which entries are compared.

    Attributes:
        key: as in ``report.by``: test/NAME, valid/NAME, train/loss, steps_to_target, ...
        label: its name in sentences: "test accuracy".
        mode: the better direction.
        get: returns the number of a run; None if it was not measured or is undefined.
        format: formats it.
        unit: the unit of a cost in sentences, such as "steps"; "" for a metric.
        censored: True for times to the target, which a run may not reach within its budget.
    """

    key: str
    label: str
    mode: Mode
    get: Get
    format: Format = format_number
    unit: str = ""
    censored: bool = False

    @property
    def metric(self) -> str:
        """The name without the split: "accuracy"."""
        return self.key.rpartition("/")[2]

    @property
    def comparative(self) -> str:
        """The word for a better value in sentences."""
        return "less" if self.unit else "better"

    @property
    def opposite(self) -> str:
        """The word for a worse value in sentences."""
        return "more" if self.unit else "worse"

    def reason(self, run: Record) -> str:
        """Return the reason why the number of a run is undefined; "" if it is defined or was not measured."""
        undefined: Mapping[str, str] = run.summary.get("undefined") or {}
        own = undefined.get(self.key, "")
        return own or (undefined.get("best_valid", "") if self.key.startswith("valid/") else "")


def make_criterion(comparison: Comparison, by: str | None) -> Criterion:
    """Return the criterion `by` of a comparison.

    Args:
        comparison: its runs.
        by: test/NAME, valid/NAME (without a name: the monitored metric), train/loss, steps_to_target, seconds_to_target,
            gradient_evaluations_to_target or train_seconds; a metric of your own that is not the monitored one is followed by
            ":min" or ":max". None: the monitored metric on test data if any run has it, otherwise on validation data.

    Raises:
        UsageError: no run of the comparison has this number, the better direction of the metric is not known, or a time to the
            target is asked for and no run has a target.
    """
    if by is None:
        tested = any((run.summary.get("test") or {}).get(comparison.monitor) is not None for run in comparison.runs)
        by = f"{'test' if tested else 'valid'}/{comparison.monitor}"
    key, _, direction = by.partition(":")
    if key in COSTS:
        label, unit, format = COSTS[key]
        if key.endswith("_to_target") and not comparison.targets:
            raise UsageError(
                f"cannot compare by {key}: {comparison.name} has no target; train it with target=VALUE, a value of its "
                f"validation {comparison.monitor}"
            )
        return Criterion(key, label, "min", _of_summary(key), format, unit, censored=key.endswith("_to_target"))
    if key == "train/loss":
        return Criterion(key, "training loss", "min", _once(_last_train_loss))
    split, _, name = key.partition("/")
    name, known = name or comparison.monitor, metric_names(comparison)
    if split not in SPLITS or name not in known:
        options = [*(f"{split}/{name}" for split in SPLITS for name in known), "train/loss", *COSTS]
        raise UsageError(f"cannot compare by {by}: {comparison.name} has {', '.join(options)}{nearest(key, options)}")
    mode, get = _mode(comparison, by, name, direction), _of_split(comparison, split, name)
    return Criterion(f"{split}/{name}", split_label(comparison, split, name), mode, get)


def split_label(comparison: Comparison, split: str, metric: str) -> str:
    """Return the name of a metric on a split in sentences, such as "validation loss"; a test function has no splits: "loss"."""
    return metric if is_test_function(comparison) else f"{SPLITS[split]} {metric}"


def is_test_function(comparison: Comparison) -> bool:
    """Return True if the loss is a formula without data or noise, so that validation and test give the same value."""
    found = [run.config.get("data") or {} for run in comparison.runs]
    return bool(found) and all(str(data.get("_target_")).endswith(".Gaussian") and data.get("deviation") == 0 for data in found)


def metric_names(comparison: Comparison) -> list[str]:
    """Return the monitored metric, followed by the other metrics that any run of the comparison has."""
    splits = [run.summary.get(split) or {} for run in comparison.runs for split in SPLITS]
    return list(dict.fromkeys([comparison.monitor, *(name for metrics in splits for name in metrics)]))


def _mode(comparison: Comparison, by: str, name: str, direction: str) -> Mode:
    if direction in ("min", "max"):
        return "min" if direction == "min" else "max"
    if direction:
        raise UsageError(f"cannot compare by {by}: write :min or :max after the name of the metric")
    if name == comparison.monitor:
        return "min" if comparison.mode == "min" else "max"
    if name in LOWER or name.endswith(("error", "loss")):
        return "min"
    if name in HIGHER or bounds_of(name) == FRACTION:
        return "max"
    raise UsageError(f"cannot compare by {by}: write {by}:min or {by}:max, the better direction of {name}")


def _of_summary(key: str) -> Get:
    return lambda run: _number(run.summary.get(key))


def _of_split(comparison: Comparison, split: str, name: str) -> Get:
    if split == "valid" and name == comparison.monitor:
        return _of_summary("best_valid")
    return lambda run: _number((run.summary.get(split) or {}).get(name))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _once(get: Get) -> Get:
    """Return a function that calls `get` once for each run, by its id, and returns the same value afterwards."""
    known: dict[str, float | None] = {}

    def get_once(run: Record) -> float | None:
        if run.id not in known:
            known[run.id] = get(run)
        return known[run.id]

    return get_once


def _last_train_loss(run: Record) -> float | None:
    """Return the last point of the training loss's curve, a mean over `log_every` steps; without curves, the last loss."""
    curves = read_curves(run.folder)
    losses = curves["train/loss"].drop_nulls() if "train/loss" in curves.columns else []
    return float(losses[-1]) if len(losses) else _number(run.summary.get("last_train_loss"))
