"""What the learning-rate range tests among the runs of a study show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from descentlab.report.statistics.lr_range import range_test
from descentlab.store.record import Record, Status, read_curves
from descentlab.studies.runs import Ended, Row

Part = Literal["knee", "steepest", "lowest", "divergence"]
PARTS: tuple[Part, ...] = ("knee", "steepest", "lowest", "divergence")
GROWTH = "ExponentialGrowth"  # the class of the schedule of a range test


def range_test_rate(ended: Sequence[Ended], part: Part) -> list[Row]:
    """Return a rate of each range test, a run with `schedule=exponential_growth` (report.statistics.lr_range.range_test).

    Args:
        ended: the runs; those with another schedule are left out. `log_every=1` records the loss of each step.
        part: knee, where the loss has made a tenth of its fall; steepest, where it falls fastest; lowest, the largest rate with
            the lowest loss; or divergence, which is also the last rate of a run that ended as diverged.

    Raises:
        ValueError: `part` is not known.
    """
    if part not in PARTS:
        raise ValueError(f"no part {part} of a range test; there are {', '.join(PARTS)}")
    tests = [each for each in ended if str(each.record.config["schedule"]["_target_"]).endswith(GROWTH)]
    return [(each.run.arm, None, each.run.seed, _rate(each.record, part)) for each in tests]


def _rate(record: Record, part: Part) -> float | None:
    curves = read_curves(record.folder)
    if not {"train/loss", "train/lr"} <= set(curves.columns):
        return None
    rows = curves.select("train/lr", "train/loss").drop_nulls()
    rates, losses = rows["train/lr"].to_list(), rows["train/loss"].to_list()
    if len(rates) < 2:
        return None
    found: float | None = getattr(range_test(rates, losses), part)
    return rates[-1] if found is None and part == "divergence" and record.status is Status.DIVERGED else found
