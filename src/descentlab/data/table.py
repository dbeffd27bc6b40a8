"""Tables, from a file or a hub -> standardised numbers, coded categories, and a target. Statistics are those of train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from descentlab.data import hub
from descentlab.data.registry import one_file
from descentlab.data.sources import DataError
from descentlab.data.tensors import Facts, Splits, TensorData, standardise, tensor
from descentlab.messages import nearest, written

TEXTS, SEPARATORS = (".csv", ".tsv", ".txt"), ",;\t|"
Rows = NDArray[np.int64]


class Table(TensorData):
    """Inputs (rows, num_features); target (rows, 1) standardised, (rows,) 1.0 or 0.0, or (rows,) of classes.

    Numbers are standardised; where a column lacks some in train, the median of train stands for them and a further column says
    where. Columns of text are categories, a missing one being a category of its own; a category that train does not have is
    all zeros (one_hot) or code 0 (codes). Identical rows, and rows of one group, fall into the same split (but a published
    test split is left as it is).

    Args:
        path: of the file, text (.csv, .tsv, .txt; whatever separates its columns) or Parquet; null: the registry's `source`.
        source: a name in descentlab.data.registry; its one file is the table.
        hub, subset, revision: instead of both, a data set of Hugging Face's hub (see hub.table).
        target: the column to predict.
        kind: of the target: regression, binary or classes.
        categorical: columns of numbers that are categories.
        categories: one_hot: a column of 0 or 1 for each; codes: one column of 1, 2, ..., after the numbers, for embeddings.
        logarithm: columns of numbers >= 0 that enter as log(1 + x).
        missing: texts that stand for a missing value.
        drop: columns that are left out.
        group: a column; rows that share its value are never split. It is no input.
        test_rows: {column: value} of the published test split, such as {split: test} of a hub's; null: a test_fraction is cut.
        facts: see Facts; `positive` is the value of a binary target that is 1.
    """

    def __init__(
        self,
        target: str,
        kind: str,
        path: str | None = None,
        source: str | None = None,
        hub: str | None = None,
        subset: str | None = None,
        revision: str | None = None,
        data_dir: str = "data",
        categorical: Sequence[str] = (),
        categories: str = "one_hot",
        logarithm: Sequence[str] = (),
        missing: Sequence[str] = (),
        drop: Sequence[str] = (),
        group: str | None = None,
        test_rows: Mapping[str, Any] | None = None,
        test_fraction: float = 0.2,
        valid_fraction: float = 0.15,
        split_seed: int = 0,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(**facts)
        self.target, self.kind, self.positive = target, kind, facts.get("positive")
        self.path, self.source, self.hub, self.data_dir = path, source, (hub, subset, revision), Path(data_dir)
        self.categorical, self.categories, self.logarithm = categorical, categories, logarithm
        self.missing, self.drop, self.group, self.test_rows = missing, drop, group, test_rows
        self.fractions, self.split_seed = (test_fraction, valid_fraction), split_seed
        self.cardinalities: list[int] = []

    def load(self) -> Splits:
        table = self._read()
        self._check_columns(table)
        parts = self._split(table)
        apart = {self.target, self.group, *self.drop, *(self.test_rows or {})}
        frame = table.select([name for name in table.columns if name not in apart])
        inputs = self._inputs(frame, parts)
        targets, scale = self._targets(table[self.target], parts)
        return Splits(*zip(inputs, targets, strict=True), target_scale=scale)

    def found(self, splits: Splits) -> dict[str, Any]:
        outputs = int(max(part[1].max() for part in (splits.train, splits.valid, splits.test))) + 1
        classes = {"num_classes": outputs, "num_outputs": outputs} if self.kind == "classes" else {"num_outputs": 1}
        return {"num_features": splits.train[0].shape[1], "cardinalities": self.cardinalities, **classes}

    def _read(self) -> pl.DataFrame:
        """Raises: DataError: there is no such file or data set, or it is no table."""
        name, subset, revision = self.hub
        if name is None:
            found = self._file(one_file(self.path, self.source, self.data_dir))
        else:
            found = hub.table(name, subset, revision, self.data_dir / "hub")
            found = found if hub.SPLIT in (self.test_rows or ()) else found.drop(hub.SPLIT)
        gone = pl.col(pl.String).is_in(list(self.missing))
        return found.with_columns(pl.when(gone).then(None).otherwise(pl.col(pl.String)).name.keep())

    def _file(self, path: Path) -> pl.DataFrame:
        try:
            if path.suffix.lower() in TEXTS:
                nulls = ["", *self.missing]
                return pl.read_csv(path, separator=_separator(path), null_values=nulls, infer_schema_length=None)
            return pl.read_parquet(path)
        except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
            kinds = f"{', '.join(TEXTS)}, or else Parquet"
            raise DataError(f"data.path={path} cannot be read as a table ({kinds}): {error}") from error

    def _check_columns(self, table: pl.DataFrame) -> None:
        wanted = {"target": [self.target], "group": [self.group] if self.group else [], "drop": self.drop}
        wanted |= {"categorical": self.categorical, "logarithm": self.logarithm, "test_rows": list(self.test_rows or ())}
        for key, names in wanted.items():
            for name in names:
                if name not in table.columns:
                    some = ", ".join(table.columns[:12])
                    raise DataError(
                        f"data.{key}={name}: there is no such column{nearest(name, table.columns)}; there are {some}"
                    )
        if nested := [name for name in table.columns if table[name].dtype.is_nested() and name not in self.drop]:
            raise DataError(f"neither numbers nor texts are in {', '.join(nested)}: data.drop=[{','.join(nested)}]")

    def _split(self, table: pl.DataFrame) -> tuple[Rows, Rows, Rows]:
        """Row numbers of train, valid and test."""
        groups = self._groups(table)
        rows = np.arange(table.height)
        if self.test_rows:
            ((column, value),) = self.test_rows.items()
            published = (table[column] == value).to_numpy()
            test, rest = rows[published], rows[~published]
        else:
            test, rest = cut_groups(rows, groups, self.fractions[0], self.split_seed)
        valid, train = cut_groups(rest, groups[rest], self.fractions[1], self.split_seed)
        return train, valid, test

    def _groups(self, table: pl.DataFrame) -> NDArray[Any]:
        """A number for each row, the same for rows that must not be split: identical ones, and whole groups that share one."""
        content = [name for name in table.columns if name not in (*self.drop, *(self.test_rows or ()), self.group)]
        first = [
            pl.first("_row").over(columns).alias(str(place)) for place, columns in enumerate((content, self.group or content))
        ]
        same, together = table.with_row_index("_row").select(first).to_numpy().T  # each by the first row of its kind
        links = coo_array((np.ones(len(same)), (same, together)), shape=(len(same), len(same)))
        return connected_components(links, directed=False)[1][together]

    def _inputs(self, frame: pl.DataFrame, parts: Sequence[Rows]) -> list[Tensor]:
        text = [name for name in frame.columns if not frame[name].dtype.is_numeric() or name in self.categorical]
        numbers = [self._numbers(frame[name], parts[0]) for name in frame.columns if name not in text]
        coded = [self._category(frame[name].cast(pl.String), parts[0]) for name in text]
        wide = np.concatenate([np.empty((frame.height, 0)), *numbers, *(coded if self.categories == "one_hot" else [])], axis=1)
        raw = [tensor(wide[rows]) for rows in parts]
        scaled = standardise(*raw) if wide.size else raw
        if self.categories == "one_hot" or not coded:
            return list(scaled)
        codes = np.concatenate(coded, axis=1)
        return [torch.cat([part, tensor(codes[rows])], 1) for part, rows in zip(scaled, parts, strict=True)]

    def _numbers(self, column: pl.Series, train: Rows) -> NDArray[np.float64]:
        """(rows, 1), or (rows, 2) with 1.0 where a value is missing."""
        values = column.cast(pl.Float64).to_numpy().copy()
        if column.name in self.logarithm:
            values = np.log1p(values)
        gone = np.isnan(values)
        if not gone.any():
            return values[:, None]
        values[gone] = np.nanmedian(values[train])
        return np.stack([values, gone.astype(np.float64)], axis=1)

    def _category(self, column: pl.Series, train: Rows) -> NDArray[np.float64]:
        """(rows, categories of train), or (rows, 1) of codes from 1 on; 0: none of train's."""
        values = column.fill_null("missing").to_numpy().astype(str)
        known = np.unique(values[train])
        codes = np.searchsorted(known, values)
        codes = np.where(np.isin(values, known), codes + 1, 0)
        if self.categories == "codes":
            self.cardinalities.append(len(known) + 1)
            return codes[:, None].astype(np.float64)
        return np.eye(len(known) + 1)[codes][:, 1:]

    def _targets(self, column: pl.Series, parts: Sequence[Rows]) -> tuple[list[Tensor], float]:
        """The target of each part, and its unit in the target's own."""
        if column.null_count():
            raise DataError(f"data.target={self.target} is missing in {column.null_count()} rows: take them out first")
        if self.kind == "regression" and column.dtype.is_numeric():
            numbers = [tensor(column[rows].cast(pl.Float64).to_numpy(writable=True)[:, None]) for rows in parts]
            return list(standardise(*numbers)), float(numbers[0].std(correction=0))
        texts = column.cast(pl.String)
        values = texts.unique().sort().to_list()
        if self.kind == "binary":
            positive = str(self.positive).lower() if isinstance(self.positive, bool) else str(self.positive)
            if positive not in values or len(values) != 2:
                raise DataError(self._not_binary(values))
            return [tensor((texts[rows] == positive).to_numpy() * 1.0) for rows in parts], 1.0
        if self.kind == "classes":
            codes = np.searchsorted(np.array(values), texts.to_numpy().astype(str))
            return [tensor(codes[rows]) for rows in parts], 1.0
        binary = f"data.kind=binary data.positive={written(values[-1])} task=binary"
        cure = binary if len(values) == 2 else "data.kind=classes task=classification"
        raise DataError(f"data.target={self.target} is no number: {cure}?")

    def _not_binary(self, values: Sequence[str]) -> str:
        if len(values) != 2:
            some = ", ".join(values[:8])
            return f"data.kind=binary: the target {self.target} has {len(values)} values, not two: {some}"
        quote = "; in YAML yes, no, on and off are put in quotes" if isinstance(self.positive, bool) else ""
        cure = " or ".join(f"data.positive={written(value)}" for value in values)
        return f"data.positive={written(self.positive)} is no value of the target {self.target}: {cure}{quote}"


def _separator(path: Path) -> str:
    """What separates the columns: of the usual characters, the one that the first line has most of."""
    with path.open(encoding="utf-8") as file:
        header = file.readline()
    return max(SEPARATORS, key=header.count)


def cut_groups(rows: Rows, groups: NDArray[Any], fraction: float, seed: int) -> tuple[Rows, Rows]:
    """About `fraction` of `rows`, and the rest, each shuffled; rows of one group stay together."""
    _, group_of = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(group_of.max() + 1)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    by_rank = np.argsort(rank[group_of], kind="stable")
    sizes = np.bincount(rank[group_of]).cumsum()
    end = sizes[np.abs(sizes - fraction * len(rows)).argmin()]
    return rows[by_rank[:end]], rows[by_rank[end:]]
