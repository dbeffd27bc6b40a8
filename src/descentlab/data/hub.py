"""Data sets of Hugging Face's hub, through datasets, which fetches and keeps them; a folder laid out like one goes as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from descentlab.data.sources import DataError

SPLIT = "split"  # the column that says which of the hub's splits a row is of


def load(what: str, *words: Any, cache: Path, **how: Any) -> Any:
    """What datasets.load_dataset gives: the splits by name.

    Raises:
        DataError: they cannot be had.
    """
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        return datasets.load_dataset(what, *words, cache_dir=str(cache), **how)
    except (OSError, ValueError, DatasetsError) as error:
        raise DataError(f"{what} cannot be had through datasets: {error}") from error


def table(name: str, subset: str | None, revision: str | None, cache: Path) -> pl.DataFrame:
    """All splits of a data set of the hub below each other, with a column SPLIT; classes by their names.

    Args:
        name: its id, owner/name.
        subset: of it, if it has several.
        revision: a commit of it, so that it stays what it is; None: the last one.
        cache: the folder to keep it in.

    Raises:
        DataError: it cannot be had.
    """
    frames: list[pl.DataFrame] = []
    for split, rows in load(name, subset, revision=revision, cache=cache).items():
        classes = {column: feature.names for column, feature in rows.features.items() if hasattr(feature, "names")}
        named = [pl.col(column).replace_strict(range(len(names)), names) for column, names in classes.items()]
        frames.append(rows.to_polars().with_columns(*named, pl.lit(split).alias(SPLIT)))
    return pl.concat(frames)
