"""Loading of sweeps: read the records, and group runs into series and series into comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from descentlab.report import comparability
from descentlab.report.series import Comparison, Series, build_series
from descentlab.report.settings import series_key, settings_of
from descentlab.store.record import Record, find

Key = tuple[str, str]  # problem, digest of the data


@dataclass(frozen=True)
class Results:
    """The contents of a report.

    Args:
        sweeps: the folders that were read.
        comparisons: one for each problem and data set.
        duplicates: the number of records left out because another sweep holds the same run; each run is compared once.
    """

    sweeps: list[Path]
    comparisons: list[Comparison]
    duplicates: int

    @property
    def series(self) -> list[Series]:
        return [series for comparison in self.comparisons for series in comparison.series]

    @property
    def runs(self) -> list[Record]:
        return [run for comparison in self.comparisons for run in comparison.runs]


def load(sweeps: Sequence[Path]) -> Results:
    """Read the runs of the folders `sweeps` and group them.

    Raises:
        FileNotFoundError: a folder does not exist or contains no readable record.
    """
    found = [record for sweep in sweeps for record in _records(sweep)]
    runs = _distinct(found)
    data = comparability.data_keys(runs)
    groups: dict[Key, dict[str, list[Record]]] = {}  # problem and data -> series -> runs
    for run in runs:
        group = groups.setdefault((settings_of(run)["problem"], data[run.id]), {})
        group.setdefault(series_key(run), []).append(run)
    names = _names(groups)
    comparisons: list[Comparison] = []
    for (problem, digest), group in groups.items():
        name = names[problem, digest]
        series = build_series(list(group.values()), name if len(groups) > 1 else "", digest)
        comparisons.append(Comparison(problem, series, name))
    return Results(list(sweeps), comparisons, duplicates=len(found) - len(runs))


def _names(groups: Mapping[Key, Mapping[str, list[Record]]]) -> dict[Key, str]:
    """Return the name of each comparison: the problem's name, with the data set if the problem has several."""
    names: dict[Key, str] = {}
    for problem in dict.fromkeys(problem for problem, _ in groups):
        keys = [key for key in groups if key[0] == problem]
        firsts = [next(iter(groups[key].values()))[0] for key in keys]
        names |= dict(zip(keys, comparability.distinct_names(problem, firsts, [digest for _, digest in keys]), strict=True))
    return names


def _records(sweep: Path) -> list[Record]:
    if not sweep.is_dir():
        raise FileNotFoundError(f"no such folder: {sweep}")
    records = find(sweep)
    if not records:
        raise FileNotFoundError(f"there is no record of a run in {sweep}")
    return records


def _distinct(found: Sequence[Record]) -> list[Record]:
    """Return one record per run id, the latest one with a result.

    A run that is counted twice would make the confidence interval of its series too narrow.
    """
    kept: dict[str, Record] = {}
    for record in found:
        if record.id not in kept or record.status.is_result:
            kept[record.id] = record
    return list(kept.values())
