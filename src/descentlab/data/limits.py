"""What data.limit leaves out."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.data.sources import DataError
from descentlab.data.tensors import Splits

SHOWN = 5  # classes in a message


def classes_within(limit: int, before: Splits, after: Splits, classes: Sequence[str]) -> list[str]:
    """Return a warning for each of valid and test that lost a class through data.limit.

    Args:
        limit: data.limit.
        before: the splits without it; their second tensors are (rows,), codes of `classes`.
        after: the first `limit` rows of each split.
        classes: the names of the codes 0, 1, ...

    Raises:
        DataError: train lost a class.
    """
    warnings: list[str] = []
    for name, (whole, part) in {key: (getattr(before, key), getattr(after, key)) for key in before.sizes()}.items():
        lost = sorted({int(code) for code in whole[1].unique()} - {int(code) for code in part[1].unique()})
        if not lost:
            continue
        some = ", ".join(classes[code] for code in lost[:SHOWN]) + (", ..." if len(lost) > SHOWN else "")
        rows = f"the first {len(part[1]):,} of {len(whole[1]):,} rows of {name}"
        what = f"data.limit={limit}: {rows} have no row of the class {some}"
        if name == "train":
            raise DataError(f"{what}: give a larger data.limit, or data.limit=null")
        warnings.append(f"{what}: metrics that need every class, such as auroc, are undefined there.")
    return warnings
