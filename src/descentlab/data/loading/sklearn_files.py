"""Data sets that scikit-learn ships as files, read without importing it: the import takes a second, more than many runs."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_numbers(name: str, delimiter: str | None = None, header_lines: int = 0) -> NDArray[np.float64]:
    """Return the numbers in a file of sklearn.datasets, shape (rows, columns), or (rows,) if there is one column.

    Args:
        name: of the file in the folder datasets/data of scikit-learn 1.x; it may be compressed by gzip.
        delimiter: between two numbers of a row; None: white space.
        header_lines: lines before the first row.

    Raises:
        FileNotFoundError: the installed version of scikit-learn has no such file.
    """
    package = find_spec("sklearn")
    assert package is not None, "a dependency"
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "data"  # pyright: ignore[reportOptionalSubscript]
    return np.loadtxt(folder / name, delimiter=delimiter, skiprows=header_lines)
