"""Data sets of Hugging Face's hub, through datasets, which fetches and keeps them; a folder laid out like one goes as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from descentlab.data.fetch.sources import DataError

SPLIT = "split"  # the column that says which of the hub's splits a row is of
REASON, CAUSES = 300, 4  # characters of a cause, and how many causes a message shows


def load(what: str, *words: Any, cache: Path, **how: Any) -> Any:
    """Return what datasets.load_dataset returns: the splits by name.

    Args:
        what: the id of a data set of the hub, a loader of datasets such as text, or a folder, which starts with . or / or ~.
        words: further positional arguments of load_dataset.
        cache: the folder in which datasets keeps what it fetches.
        how: further keyword arguments of load_dataset.

    Raises:
        DataError: there is no such folder, or datasets cannot load it; the message gives the causes.
    """
    if what.startswith((".", "/", "~")) and not Path(what).expanduser().is_dir():
        raise DataError(f"{what} cannot be had through datasets: there is no folder {Path(what).expanduser().absolute()}")
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        return datasets.load_dataset(
            str(Path(what).expanduser()) if what.startswith("~") else what, *words, cache_dir=str(cache), **how
        )
    except (OSError, ValueError, DatasetsError) as error:
        raise DataError(f"{what} cannot be had through datasets: {reasons(error)}") from error


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
    """Return all splits of a data set of the hub below each other, with a column SPLIT; classes by their names.

    A column of its own that is called SPLIT is renamed to split_column.

    Args:
        name: its id, owner/name.
        subset: of it, if it has several.
        revision: a commit of it, so that it stays what it is; None: the last one.
        cache: the folder to keep it in.

    Raises:
        DataError: it cannot be had, or its splits or labels do not fit together.
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
    """Return the names of the classes `codes`; null for -1, by which the hub marks rows without a label.

    Raises:
        DataError: there is a code that no name belongs to.
    """
    known = codes.set(codes == -1, None)
    try:
        return known.replace_strict(range(len(names)), names, return_dtype=pl.Enum(names))
    except pl.exceptions.PolarsError as error:
        span = f"from {known.min()} to {known.max()}"
        raise DataError(
            f"{codes.name} has labels {span}, but its card names {len(names)} classes: correct one of them"
        ) from error
