"""Selection of the rows that data.limit keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from descentlab.data.fetch.sources import DataError

SHOWN = 5  # largest number of classes in a message


def rows_of_every_class(codes: Tensor, limit: int) -> Tensor:
    """Return the numbers of `limit` rows, ascending: at least one row of each class, and each class in its proportion.

    Within a class the first rows are kept. If `limit` is smaller than the number of classes, no class has two rows.

    Args:
        codes: (rows,), the class of each row.
        limit: the number of rows to keep; if there are no more than that, all are kept.
    """
    _, classes, counts = np.unique(codes.numpy(), return_inverse=True, return_counts=True)
    by_class = np.argsort(classes, kind="stable")
    position = np.empty(len(classes))  # position of a row within its class, as a fraction: 0 is the first
    position[by_class] = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = np.argsort(position / counts[classes], kind="stable")[:limit]
    return torch.from_numpy(np.sort(chosen))


def check_classes_kept(limit: int, whole: Tensor, kept: Tensor, classes: Sequence[str]) -> None:
    """Check that the limited train split has every class of the full one.

    Args:
        limit: data.limit.
        whole: (rows,), the class of each row of the full split.
        kept: (rows,), the class of each row that is kept.
        classes: the names of the classes 0, 1, ...

    Raises:
        DataError: a class is lost, because the limit is smaller than the number of classes.
    """
    lost = sorted({int(code) for code in whole.unique()} - {int(code) for code in kept.unique()})
    if lost:
        number = len(whole.unique())
        some = ", ".join(classes[code] for code in lost[:SHOWN]) + (", ..." if len(lost) > SHOWN else "")
        rows = f"{limit:,} {'row' if limit == 1 else 'rows'} of train cannot hold all {number} classes (not {some})"
        raise DataError(f"data.limit={limit}: {rows}: give data.limit={number} or more, or data.limit=null")
