"""Tables from a file or the Hugging Face hub, as standardised numbers, coded categories and a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import polars as pl

from descentlab.config.types import Count, Name, PositiveFraction, Seed, Separator, Whole
from descentlab.data.fetch import hub
from descentlab.data.fetch.registry import REGISTRY, one_file
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.splits import Splits, tensor
from descentlab.data.loading.tables import design
from descentlab.data.loading.tables.columns import Column, read_columns
from descentlab.data.loading.tables.cutting import Cut, Rows, kept_together, three_parts
from descentlab.data.loading.tables.files import read_file
from descentlab.data.loading.tables.missing import unused_sentinels
from descentlab.data.loading.tables.options import Options, optional_text
from descentlab.data.loading.tables.overrides import override
from descentlab.data.loading.tables.roles import describe, group_of, published_rows
from descentlab.data.loading.tables.split_checks import check_classes, check_parts
from descentlab.data.loading.tables.targets import Target, read_target
from descentlab.data.loading.tables.unused_keys import no_effect, refuse_text_keys
from descentlab.data.loading.tensors import DataProperties, TensorData

TEST_FRACTION = 0.2
Names = Sequence[str | float] | str | float


class Table(TensorData):
    """Inputs (rows, num_features); target (rows, 1) standardised, (rows,) 1.0 or 0.0, or (rows,) of classes.

    Numbers are standardised; missing ones are replaced by the median of train, and an additional column indicates them.
    Strings are categories, including one for missing values; a category that is not in train is all zeros (one_hot) or code 0
    (codes). A column of strings is read as numbers if one rule parses all of them as numbers, dates or truth values, and is
    refused if it parses only most of them. Identical rows, and rows of one group, are in the same split (a published test
    split is kept unchanged); with a binary target or classes the splits are stratified. `columns` describes how each column
    was read, `warnings` are shown before training, `rows` are the row numbers of train, valid and test.

    Args:
        target: the column to predict.
        kind: the kind of target: regression, binary or classes.
        path: a text file (.csv, .tsv, .txt, gzipped or not) or Parquet; null: the file of `source`.
        source: a name in descentlab.data.fetch.registry, whose only file is the table.
        hub, subset, revision: instead of both, a data set of the Hugging Face hub (see hub.table).
        data_dir: folder of all data sets.
        categorical: columns of numbers to read as categories: a name or a list.
        categories: one_hot: a column of 0 or 1 per category; codes: one column of 1, 2, ..., after the numbers, for embeddings.
        max_categories: a column with more distinct strings is refused.
        logarithm: columns of numbers >= 0 to transform to log(1 + x): a name or a list.
        missing: values that mean missing: a string, a number, or a list. Columns of numbers are compared numerically.
        drop: columns to leave out: a name or a list.
        group: a column, not an input; rows with the same value are in one split, a row without a value is a separate group.
        test_rows: {column: value} of a published test split, such as {split: test} on the hub; null: a test_fraction is cut.
        decimal: "." or ","; null: inferred for each column.
        separator: the separator of the columns of a text file; null: detected.
        encoding: the encoding of a text file, such as latin-1 or utf-16; null: utf-8.
        header: true: the first line names the columns; false: they are named column_1, column_2, ...
        skip: the number of lines to skip before the header.
        test_fraction: test split as a fraction of all rows.
        valid_fraction: valid split as a fraction of the rows that are not test.
        split_seed: seed of the cuts.
        properties: see DataProperties; `positive` is the value of a binary target that is 1.
    """

    def __init__(
        self,
        target: str | float,
        kind: Literal["regression", "binary", "classes"],
        path: Name | None = None,
        source: str | None = None,
        hub: Name | None = None,
        subset: str | None = None,
        revision: str | None = None,
        data_dir: str = "data",
        categorical: Names = (),
        categories: Literal["one_hot", "codes"] = "one_hot",
        max_categories: Count = 100,
        logarithm: Names = (),
        missing: Names = (),
        drop: Names = (),
        group: str | float | None = None,
        test_rows: Mapping[str, Any] | None = None,
        decimal: Literal[None, ".", ","] = None,
        separator: Separator | None = None,
        encoding: Name | None = None,
        header: bool = True,
        skip: Whole = 0,
        test_fraction: PositiveFraction = TEST_FRACTION,
        valid_fraction: PositiveFraction = 0.15,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.path, self.source, self.hub, self.data_dir = path, source, (hub, subset, revision), Path(data_dir)
        self.given = {"target": target, "kind": kind, "positive": properties.get("positive"), "categorical": categorical}
        self.given |= {"categories": categories, "max_categories": max_categories, "logarithm": logarithm, "missing": missing}
        self.given |= {"drop": drop, "group": group, "test_rows": test_rows, "decimal": decimal, "separator": separator}
        self.given |= {"encoding": encoding, "header": header, "skip": skip}
        self.fractions, self.split_seed = (test_fraction, valid_fraction), split_seed
        self.cardinalities: list[int] = []
        self.rows: tuple[Rows, ...] = ()

    def load(self) -> Splits:
        """Read and split the table.

        Raises:
            DataError: a key is invalid, the file cannot be read, or a column, the target or a split is invalid.
        """
        options = Options.checked(self.given)
        self._refuse_unread(options)
        table = self.read(options)
        options = options.resolved(table.columns)
        excluded = {options.target, options.group, *options.drop, *(options.test_rows[:1] if options.test_rows else ())}
        inputs = [name for name in table.columns if name not in excluded]
        if not table.height:
            raise DataError("the table has no row below its header")
        if not inputs:
            left = "every other column is in data.drop" if options.drop else "it has no other column"
            raise DataError(f"the table has no column to predict {options.target} from: {left}")
        regression = [options.target] if options.kind == "regression" else []
        columns = read_columns(table, [*inputs, *regression], options)
        doubts = [column.warning for column in columns.values() if column.warning]
        doubts += unused_sentinels(table, [*inputs, options.target], options)
        target = read_target(table[options.target], columns.pop(options.target, None), options)
        self.classes = target.classes
        parts, self.warnings = self._cut(table, columns, target, options)
        self.rows = parts
        made = design.build(columns, parts, options)
        targets, scale = target.parts(parts, options.target)
        self.cardinalities = made.cardinalities
        self.columns, warnings = describe(table, columns, target, made, options)
        self.warnings += [*warnings, *doubts]
        floats = options.kind != "classes"
        outputs = [tensor(part.astype(np.float32) if floats else part) for part in targets]
        return Splits(*zip(map(tensor, made.parts), outputs, strict=True), target_scale=scale)

    def _refuse_unread(self, options: Options) -> None:
        """Refuse keys without an effect.

        Raises:
            DataError: a key is set that others override.
        """
        if options.positive is not None and options.kind != "binary":
            raise no_effect("positive", options.positive, f"data.kind={options.kind}", " or set data.kind=binary")
        if self.path is not None and self.hub[0] is not None:
            raise no_effect("path", self.path, override("hub", self.hub[0]))
        if options.test_rows and self.source is None and self.fractions[0] != TEST_FRACTION:
            test_rows = override("test_rows", {options.test_rows[0]: options.test_rows[1][0]})
            raise no_effect("test_fraction", self.fractions[0], test_rows)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        outputs = int(max(part[1].max() for part in (splits.train, splits.valid, splits.test))) + 1
        classes = {"num_classes": outputs, "num_outputs": outputs} if self.given["kind"] == "classes" else {"num_outputs": 1}
        return {"num_features": splits.train[0].shape[1], "cardinalities": self.cardinalities, **classes}

    def read(self, options: Options | None = None) -> pl.DataFrame:
        """Return the table on disk or on the hub.

        Raises:
            DataError: it is unavailable, or it is not a table.
        """
        options = options or Options.checked(self.given)
        name, subset, revision = self.hub
        if name is None:
            path = optional_text("path", self.path, "data.path=table.csv")
            if path is None and self.source not in REGISTRY:
                raise DataError("data.path=null: give the table's file, data.path=FILE")
            return read_file(one_file(path, self.source, self.data_dir), options)
        found = hub.table(str(name), subset, revision, self.data_dir / "hub")
        refuse_text_keys(options, found, override("hub", name))
        return found if options.test_rows and options.test_rows[0] == hub.SPLIT else found.drop(hub.SPLIT)

    def _cut(
        self, table: pl.DataFrame, columns: Mapping[str, Column], target: Target, options: Options
    ) -> tuple[tuple[Rows, Rows, Rows], list[str]]:
        """Return the row numbers of train, valid and test, and warnings.

        Raises:
            DataError: a split is empty, lacks a class, or has the wrong size.
        """
        group, warnings = group_of(table, options)
        content = pl.DataFrame([column.values.alias(name) for name, column in columns.items()])
        labels = target.labels
        together = kept_together(content.with_columns(pl.Series(options.target, target.values)), group)
        published = published_rows(table, options)
        cut = Cut(together, labels, self.split_seed)
        parts = three_parts(cut, np.arange(table.height), published, self.fractions)
        named: dict[str, Rows] = {"train": parts[0], "valid": parts[1], "test": parts[2]}
        warnings += check_parts(named, together, options, self.fractions)
        warnings += check_classes(named, labels, options) if labels is not None else []
        return parts, warnings


__all__ = ["DataError", "Table"]
