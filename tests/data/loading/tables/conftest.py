"""Fixtures of the tests of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from descentlab.data.fetch.sources import DataError
from descentlab.data.table import Table

ROWS = 60


@pytest.fixture
def table(tmp_path) -> Callable[..., Table]:
    """Make a Table: table({"x": [...]}, kind="classes"), or of a text or bytes. The default target is 60 random numbers."""

    def make(content: Mapping[str, Sequence[Any]] | str | bytes, name: str = "x.csv", sep: str = ",", **options: Any) -> Table:
        if isinstance(content, Mapping):
            columns = {**content}
            columns.setdefault("y", np.random.default_rng(0).normal(size=len(next(iter(columns.values())))).round(4))
            lines = [sep.join(map(str, columns)), *(sep.join(map(str, row)) for row in zip(*columns.values(), strict=True))]
            content = "\n".join(lines) + "\n"
        path = tmp_path / str(len(list(tmp_path.iterdir()))) / name
        path.parent.mkdir()
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Table(**{"path": str(path), "target": "y", "kind": "regression"} | options)

    return make


@pytest.fixture
def refusal(table) -> Callable[..., str]:
    """Return the message by which a table is refused; arguments as for `table`."""

    def why(*content: Any, **options: Any) -> str:
        with pytest.raises(DataError) as refused:
            _ = table(*content, **options).splits
        return str(refused.value)

    return why


@pytest.fixture
def number() -> np.ndarray:
    """Return random numbers with four decimals."""
    return np.random.default_rng(1).normal(0, 3, ROWS).round(4)


def detail(table: Table, name: str) -> tuple[str, str]:
    """Return "read_as" and "detail" of the column `name`."""
    _ = table.splits
    [found] = [column for column in table.columns if column["name"] == name]
    return found["read_as"], found["detail"]
