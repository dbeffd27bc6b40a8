"""Tables from a seeded generator: inputs and target equal a reference that pandas and scikit-learn build, or are refused."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.splits import Splits
from descentlab.data.table import Table

FAST, ALL = range(40), range(300)
WORDS = ["red", "green", "blue", "N", "A", "NB", "x y", "größe", 'a"b', "1st floor", "n/a?"]
GAPS = ["", "NA", " "]


@dataclass
class Converted:
    """A table as text, and its values: floats or strings, NaN or None for empty cells."""

    content: bytes
    frame: pd.DataFrame
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Maker:
    """Generate the cells of a column and their values, one method per kind."""

    draw: np.random.Generator
    rows: int
    comma: bool

    def formatted(self, value: float, form: str) -> str:
        """Return `value` with a decimal comma and thousands separators, if the table has these."""
        text = format(value, form)
        return text.translate(str.maketrans(",.", ".,")) if self.comma else text

    def numbers(self, values: Any, form: str, around: str = "{}") -> tuple[list[str], list[Any]]:
        exact = [float(format(value, form.replace(",", ""))) for value in values]
        return [around.format(self.formatted(value, form)) for value in exact], exact

    def plain(self) -> tuple[list[str], list[Any]]:
        return self.numbers(self.draw.normal(0, 3, self.rows), ".2f")

    def integer(self) -> tuple[list[str], list[Any]]:
        return self.numbers(self.draw.integers(-50, 50, self.rows), ".0f")

    def offset(self) -> tuple[list[str], list[Any]]:
        return self.numbers(1e9 + self.draw.normal(0, 30, self.rows), ".2f")

    def unixtime(self) -> tuple[list[str], list[Any]]:
        return self.numbers(1.7e9 + self.draw.uniform(0, 60, self.rows), ".3f")

    def beyond(self) -> tuple[list[str], list[Any]]:
        exact = [2**60 + int(value) for value in self.draw.integers(0, 1000, self.rows)]
        return [str(value) for value in exact], [float(value - exact[0]) for value in exact]

    def constant(self) -> tuple[list[str], list[Any]]:
        return self.numbers([self.draw.choice([1700000123.0, 0.1, -7.0])] * self.rows, ".1f")

    def thousands(self) -> tuple[list[str], list[Any]]:
        return self.numbers(self.draw.uniform(1000, 5e6, self.rows), ",.2f")

    def grouped(self) -> tuple[list[str], list[Any]]:
        """Integers: 1.257 means 1257 only if another column has decimal commas."""
        values = self.draw.integers(1000, 5_000_000, self.rows)
        return self.numbers(values, ",.0f" if not self.comma else ".0f")

    def money(self) -> tuple[list[str], list[Any]]:
        return self.numbers(self.draw.normal(0, 3, self.rows), ".2f", "€ {}")

    def percent(self) -> tuple[list[str], list[Any]]:
        return self.numbers(self.draw.normal(0, 3, self.rows), ".2f", "{}%")

    def accounting(self) -> tuple[list[str], list[Any]]:
        texts, values = self.plain()
        return [f"({text[1:]})" if text.startswith("-") else text for text in texts], values

    def truth(self) -> tuple[list[str], list[Any]]:
        true = self.draw.random(self.rows) < 0.5
        return [str(self.draw.choice(["true", "True"] if each else ["false", "FALSE"])) for each in true], list(
            true.astype(float)
        )

    def date(self) -> tuple[list[str], list[Any]]:
        days = self.draw.integers(0, 20_000, self.rows)
        return [f"{pd.Timestamp(0) + pd.Timedelta(days=int(day)):%Y-%m-%d}" for day in days], [float(day) for day in days]

    def moment(self) -> tuple[list[str], list[Any]]:
        hours = self.draw.integers(0, 480_000, self.rows)
        return [str(pd.Timestamp(0) + pd.Timedelta(hours=int(hour))) for hour in hours], [float(hour) / 24 for hour in hours]

    def category(self) -> tuple[list[str], list[Any]]:
        words = self.draw.choice(WORDS, self.draw.integers(1, len(WORDS) + 1), replace=False)
        values = [str(self.draw.choice(words)) for _ in range(self.rows)]
        return values, list(values)


KINDS = sorted(name for name in vars(Maker) if not name.startswith("_") and name not in ("formatted", "numbers"))


def generate(seed: int) -> Converted:
    draw = np.random.default_rng(seed)
    rows = int(draw.choice([1, 2, 3, 5, 9, 25, 60, 150, 400]))
    width = min(rows, 60) + 5 if seed % 10 == 0 else int(draw.choice([1, 3, 6, 12]))  # often more columns than rows
    maker = Maker(draw, rows, bool(draw.random() < 0.3))
    cells, meaning = {}, {}
    for place in range(width):
        kind = str(draw.choice(KINDS))
        texts, values = getattr(maker, kind)()
        if kind != "beyond" and rows > 5 and draw.random() < 0.4:
            for row in draw.choice(rows, rows // 5, replace=False):
                texts[row], values[row] = str(draw.choice(GAPS)), None
        cells[f"{kind}{place}"], meaning[f"{kind}{place}"] = texts, values
    target = ["plain", "offset", "integer"][seed % 3] if seed % 4 else "category"
    cells["y"], meaning["y"] = getattr(maker, target)()
    frame, texts = pd.DataFrame(meaning), pd.DataFrame(cells)
    if rows > 5 and draw.random() < 0.3:  # identical rows
        again = draw.choice(rows, rows // 4)
        frame, texts = (pd.concat([each, each.iloc[again]], ignore_index=True) for each in (frame, texts))
    separator, encoding = str(draw.choice([",", ";", "\t", "|"])), str(draw.choice(["utf-8", "utf-8-sig", "cp1252", "utf-16"]))
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=str(draw.choice(["\n", "\r\n"])))
    writer.writerows([list(texts.columns), *texts.itertuples(index=False, name=None)])
    content = file.getvalue().encode(encoding)
    options: dict[str, Any] = {"kind": "classes" if target == "category" else "regression", "missing": ["NA"]}
    options |= {"encoding": encoding} if encoding in ("cp1252", "utf-16") else {}
    return Converted(content, frame, options)


def reference(frame: pd.DataFrame, parts: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Return the design matrix of each part: numbers, each followed by its indicator of missing values; then categories."""
    numbers, categories = [], []
    for name in frame.columns.drop("y"):
        values = frame[name]
        if values.iloc[parts[0]].isna().all():
            continue
        if name.startswith("category"):
            filled = values.fillna("\x7fmissing").astype(str).to_numpy()[:, None]
            encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(filled[parts[0]])
            categories.append(scaled(encoder.transform(filled), parts))
            continue
        raw = values.astype(float).to_numpy()[:, None]
        numbers.append(scaled(SimpleImputer(strategy="median").fit(raw[parts[0]]).transform(raw), parts))
        if np.isnan(raw).any():
            numbers.append(scaled(np.isnan(raw).astype(float), parts))
    whole = np.concatenate([*numbers, *categories], axis=1)
    return [whole[rows] for rows in parts]


def scaled(values: np.ndarray, parts: tuple[np.ndarray, ...]) -> np.ndarray:
    train = values[parts[0]]
    constant = (train == train[0]).all(0)
    return np.where(constant, 0.0, StandardScaler().fit(train - train[0]).transform(values - train[0]))


def read(table: Table) -> tuple[Splits | None, str]:
    """Return the splits of `table`, or the message by which it is refused."""
    try:
        return table.splits, ""
    except DataError as error:
        return None, str(error)


def check(seed: int, tmp_path: Any) -> None:
    made = generate(seed)
    (tmp_path / "x.csv").write_bytes(made.content)
    table = Table(path=str(tmp_path / "x.csv"), target="y", **made.options)
    content = np.array([repr(row) for row in made.frame.itertuples(index=False)])
    _, counts = np.unique(content, return_counts=True)
    few = len(counts) < 20 or counts.max() > len(content) / 10  # distinct rows
    splits, refusal = read(table)
    if splits is None:
        assert few or made.frame["y"].nunique() < 2, refusal
        assert re.search(r"data\.|rows?\b", refusal)
        return
    rows = table.rows
    assert sorted(np.concatenate(rows)) == list(range(len(made.frame)))
    assert not set(content[rows[0]]) & set(content[rows[1]])
    assert not set(content[np.concatenate(rows[:2])]) & set(content[rows[2]])
    found = [part[0].numpy() for part in (splits.train, splits.valid, splits.test)]
    for ours, theirs in zip(found, reference(made.frame, rows), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    answers = [part[1].numpy() for part in (splits.train, splits.valid, splits.test)]
    truth = made.frame["y"].to_numpy()
    if made.options["kind"] == "classes":
        names = sorted(set(truth))
        assert [names[code] for code in np.concatenate(answers)] == list(truth[np.concatenate(rows)])
        return
    numbers = truth.astype(float)[:, None]
    expected = StandardScaler().fit(numbers[rows[0]] - numbers[0])
    assert splits.target_scale == pytest.approx(float(expected.scale_[0]), rel=1e-9)
    for ours, part in zip(answers, rows, strict=True):
        np.testing.assert_allclose(ours, expected.transform(numbers[part] - numbers[0]), rtol=1e-6, atol=1e-6)
    assert {column["name"] for column in table.columns} == set(made.frame.columns)


@pytest.mark.parametrize("seed", FAST)
def test_generated_table_equals_its_reference_or_is_refused(seed, tmp_path):
    check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ALL)
def test_every_generated_table_equals_its_reference_or_is_refused(seed, tmp_path):
    check(seed, tmp_path)


def regression(seed: int) -> pd.DataFrame:
    """A linear target with noise of a third of its deviation, in a table with many more rows than columns."""
    draw = np.random.default_rng(seed)
    rows, width = int(draw.choice([120, 300])), int(draw.choice([2, 4, 8]))
    inputs = {f"x{place}": draw.normal(draw.choice([0, 1e3, 1e9]), draw.choice([0.1, 1, 10]), rows) for place in range(width)}
    frame = pd.DataFrame(inputs)
    standard = (frame - frame.mean()) / frame.std()
    signal = standard.to_numpy() @ draw.normal(0, 1, width)
    frame["y"] = draw.choice([0, 1e9]) + 10 * (signal + draw.normal(0, max(signal.std() / 3, 0.1), rows))
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_linear_model_reaches_the_error_of_least_squares(seed, tmp_path, train):
    frame = regression(seed)
    frame.to_csv(tmp_path / "x.csv", index=False)
    words = (f"data.path={tmp_path}/x.csv", "data.target=y", "task=regression", "model=linear")
    run = train("data=csv", *words, "optimizer=lbfgs", "batch_size=full", "budget.epochs=30")
    table = Table(path=str(tmp_path / "x.csv"), target="y", kind="regression")
    splits = table.splits
    (fit_x, fit_y), (test_x, test_y) = ([part.double().numpy() for part in each] for each in (splits.train, splits.test))
    error = LinearRegression().fit(fit_x, fit_y).predict(test_x) - test_y
    assert run.record.summary["test"]["rmse"] == pytest.approx(float(np.sqrt((error**2).mean())) * splits.target_scale, rel=0.1)
