"""Loading of sweeps: read the records, and group runs into series and series into comparisons."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from descentlab.errors import UsageError
from descentlab.report import comparability
from descentlab.report.drawing.table_data import TableData, load_table
from descentlab.report.roles import SeriesKey, arrange
from descentlab.report.series import Comparison, Series, build_series
from descentlab.report.settings import series_key, settings_of
from descentlab.report.unfinished import training_runs
from descentlab.store.manifest import Manifest, Membership, memberships
from descentlab.store.record import Record, find

Key = tuple[str, str]  # problem, digest of the data


@dataclass(frozen=True)
class Results:
    """The contents of a report.

    Args:
        sweeps: the folders that were read.
        comparisons: one for each problem and data set.
        duplicates: the number of records left out because another sweep holds the same run; each run is compared once.
        manifests: those of the sweeps that were tuned.
        tables: those of the sweeps with records=table, whose runs are in no comparison.
    """

    sweeps: list[Path]
    comparisons: list[Comparison]
    duplicates: int
    manifests: list[Manifest] = field(default_factory=list)
    tables: list[TableData] = field(default_factory=list)

    @property
    def series(self) -> list[Series]:
        return [series for comparison in self.comparisons for series in comparison.series]

    @property
    def runs(self) -> list[Record]:
        """All runs, those of trials included."""
        return [run for comparison in self.comparisons for run in comparison.all_runs]

    @property
    def members(self) -> dict[str, Membership]:
        """The role, the arm and the trial of each run of a tuned sweep, by run id."""
        return memberships(self.manifests)


def load(sweeps: Sequence[Path], unfinished: bool = False) -> Results:
    """Read the runs of the folders `sweeps` and group them.

    Args:
        sweeps: the folders.
        unfinished: adds the runs that are being trained, with the status "training".

    Raises:
        FileNotFoundError: a folder does not exist or contains no readable record.
    """
    tables = {sweep: table for sweep in sweeps if (table := load_table(sweep)) is not None}
    found = [record for sweep in sweeps if sweep not in tables for record in _records(sweep, unfinished)]
    runs = _distinct(found)
    manifests = [manifest for sweep in sweeps if (manifest := _manifest(sweep))]
    members = memberships(manifests)
    data = comparability.data_keys(runs)
    groups: dict[Key, dict[SeriesKey, list[Record]]] = {}  # problem and data -> series -> runs
    for run in runs:
        problem = run.choices["problem"] if "problem" in run.choices else settings_of(run)["problem"]  # a choice is faster
        group = groups.setdefault((problem, data[run.id]), {})
        member = members.get(run.id)
        group.setdefault((series_key(run), member and member.role), []).append(run)
    names = _names(groups)
    comparisons: list[Comparison] = []
    for (problem, digest), group in groups.items():
        name = names[problem, digest]
        shown, trials, arms = arrange(group, manifests)
        prefix = name if len(groups) > 1 else ""
        series = build_series(shown, prefix, digest)
        comparisons.append(Comparison(problem, series, name, build_series(trials, prefix, digest), arms))
    return Results(list(sweeps), comparisons, len(found) - len(runs), manifests, list(tables.values()))


def _names(groups: Mapping[Key, Mapping[SeriesKey, list[Record]]]) -> dict[Key, str]:
    """Return the name of each comparison: the problem's name, with the data set if the problem has several."""
    names: dict[Key, str] = {}
    for problem in dict.fromkeys(problem for problem, _ in groups):
        keys = [key for key in groups if key[0] == problem]
        firsts = [next(iter(groups[key].values()))[0] for key in keys]
        names |= dict(zip(keys, comparability.distinct_names(problem, firsts, [digest for _, digest in keys]), strict=True))
    return names


def _manifest(sweep: Path) -> Manifest | None:
    """Return the manifest of a sweep. One that cannot be read is reported; the sweep is then a grid of all its runs."""
    try:
        return Manifest.read(sweep)
    except UsageError as error:
        print(error, file=sys.stderr)
        return None


def _records(sweep: Path, unfinished: bool) -> list[Record]:
    if not sweep.is_dir():
        raise FileNotFoundError(f"no such folder: {sweep}")
    records = [*find(sweep), *(training_runs(sweep) if unfinished else [])]
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
