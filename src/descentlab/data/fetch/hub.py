"""Data sets of the Hugging Face hub, or local folders in its format, fetched and cached by the datasets library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from descentlab.data.fetch.sources import DataError
from descentlab.extras import require

SPLIT = "split"  # name of the column that contains each row's split on the hub
REASON, CAUSES = 300, 4  # largest number of characters of a cause, and of causes, in a message


def load(source: str, *arguments: Any, cache: Path, **keywords: Any) -> Any:
    """Return the splits of a data set by name, as datasets.load_dataset does.

    Args:
        source: id of a data set on the hub, a loader of datasets such as text, or a folder, which starts with . or / or ~.
        arguments: further positional arguments of load_dataset.
        cache: the cache folder of datasets.
        keywords: further keyword arguments of load_dataset.

    Raises:
        UsageError: the datasets library is not installed.
        DataError: the folder does not exist, or datasets cannot load it; the message gives the causes.
    """
    if source.startswith((".", "/", "~")) and not Path(source).expanduser().is_dir():
        raise DataError(f"{source} cannot be loaded by datasets: no such folder: {Path(source).expanduser().absolute()}")
    require("datasets", f"the data set {source}")
    import datasets
    from datasets.exceptions import DatasetsError

    path = str(Path(source).expanduser()) if source.startswith("~") else source
    try:
        return datasets.load_dataset(path, *arguments, cache_dir=str(cache), **keywords)
    except (OSError, ValueError, DatasetsError) as error:
        raise DataError(f"{source} cannot be loaded by datasets: {reasons(error)}") from error


def reasons(error: BaseException) -> str:
    """Return the first line of `error` and of each of its causes, without repetitions, on one line."""
    found: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        line = str(cause).strip().split("\n")[0][:REASON] or type(cause).__name__
        found += [line] if line not in " ".join(found) else []
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "; ".join(found[:CAUSES])


def table(name: str, subset: str | None, revision: str | None, cache: Path) -> pl.DataFrame:
    """Return all splits of a data set of the hub concatenated, with the additional column SPLIT; classes are given by name.

    If the data set has a column named like SPLIT, that column is renamed to split_column.

    Args:
        name: its id, owner/name.
        subset: its configuration on the hub, if it has several.
        revision: a commit, which makes the result reproducible; None: the latest.
        cache: the cache folder of datasets.

    Raises:
        UsageError: the datasets library is not installed.
        DataError: the data set cannot be loaded, or its splits or labels are inconsistent.
    """
    frames: list[pl.DataFrame] = []
    for split, rows in load(name, subset, revision=revision, cache=cache).items():
        frame: pl.DataFrame = rows.to_polars()
        frame = frame.rename({SPLIT: f"{SPLIT}_column"}) if SPLIT in frame.columns else frame
        classes = {column: feature.names for column, feature in rows.features.items() if hasattr(feature, "names")}
        named = [named_classes(frame[column], names) for column, names in classes.items() if column in frame.columns]
        frames.append(frame.with_columns(*named, pl.lit(split).alias(SPLIT)))
    try:
        return pl.concat(frames)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"the splits of {name} have different columns ({error}): data.subset names one of its tables"
        ) from error


def named_classes(codes: pl.Series, names: Sequence[str]) -> pl.Series:
    """Return the class name of each of `codes`; null for -1, the hub's mark of a row without a label.

    Raises:
        DataError: a code has no name.
    """
    known = codes.set(codes == -1, None)
    try:
        return known.replace_strict(range(len(names)), names, return_dtype=pl.Enum(names))
    except pl.exceptions.PolarsError as error:
        span = f"from {known.min()} to {known.max()}"
        raise DataError(
            f"{codes.name} has labels {span}, but its card names {len(names)} classes: correct one of them"
        ) from error
