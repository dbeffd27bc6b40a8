"""Tables from a seeded generator: inputs and target equal a reference that pandas and scikit-learn build, or are refused."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from descentlab.data.sources import DataError
from descentlab.data.table import Table

FAST, ALL = range(40), range(300)
WORDS = ["red", "green", "blue", "N", "A", "NB", "x y", "größe", 'a"b', "1st floor", "n/a?"]
GAPS = ["", "NA", " "]


@dataclass
class Made:
    """A table as text, and what it means: floats or texts, NaN or None where a cell is empty."""

    content: bytes
    frame: pd.DataFrame
    options: dict[str, Any] = field(default_factory=dict)


def grouped(value: float, decimals: int, point: str, mark: str) -> str:
    return f"{value:,.{decimals}f}".replace(",", "\0").replace(".", point).replace("\0", mark)


def column(draw: np.random.Generator, kind: str, rows: int, comma: bool) -> tuple[list[str], list[Any]]:
    """The cells of a column, and their meaning, which text conversion does not change."""
    point, mark = (",", ".") if comma else (".", ",")
    number = draw.normal(0, 3, rows).round(2)
    if kind == "plain":
        return [str(x).replace(".", point) for x in number], list(number)
    if kind == "integer":
        whole = draw.integers(-50, 50, rows)
        return [str(x) for x in whole], [float(x) for x in whole]
    if kind == "offset":
        values = [float(f"{1e9 + 10 * x:.2f}") for x in number]
        return [f"{x:.2f}".replace(".", point) for x in values], values
    if kind == "unixtime":
        values = [float(f"{1.7e9 + x:.3f}") for x in draw.uniform(0, 60, rows)]
        return [f"{x:.3f}".replace(".", point) for x in values], values
    if kind == "beyond":
        exact = [2**60 + int(x) for x in draw.integers(0, 1000, rows)]
        return [str(x) for x in exact], [float(x - exact[0]) for x in exact]
    if kind == "constant":
        value = float(draw.choice([1700000123.0, 0.1, -7.0]))
        return [str(value).replace(".", point)] * rows, [value] * rows
    if kind == "thousands":
        values = draw.uniform(1000, 5e6, rows).round(2)
        return [grouped(x, 2, point, mark) for x in values], list(values)
    if kind == "money":
        return [f"€ {grouped(x, 2, point, mark)}" for x in number], list(number)
    if kind == "percent":
        return [f"{x:.2f}%".replace(".", point) for x in number], list(number)
    if kind == "accounting":
        return [(f"({abs(x):.2f})" if x < 0 else f"{x:.2f}").replace(".", point) for x in number], list(number)
    if kind == "truth":
        true = draw.random(rows) < 0.5
        return [str(draw.choice(["true", "True"] if x else ["false", "FALSE"])) for x in true], [float(x) for x in true]
    if kind == "date":
        days = draw.integers(0, 20_000, rows)
        return [str(pd.Timestamp(0) + pd.Timedelta(days=int(x)))[:10] for x in days], [float(x) for x in days]
    if kind == "moment":
        hours = draw.integers(0, 480_000, rows)
        return [str(pd.Timestamp(0) + pd.Timedelta(hours=int(x))) for x in hours], [float(x) / 24 for x in hours]
    words = [str(word) for word in draw.choice(WORDS, draw.integers(1, len(WORDS) + 1), replace=False)]
    values = [str(draw.choice(words)) for _ in range(rows)]
    return values, list(values)


KINDS = ["plain", "integer", "offset", "unixtime", "beyond", "constant", "thousands", "money", "percent", "accounting", "truth"]
KINDS += ["date", "moment", "category"]


def generate(seed: int) -> Made:
    draw = np.random.default_rng(seed)
    rows = int(draw.choice([1, 2, 3, 5, 9, 25, 60, 150, 400]))
    width = int(draw.choice([1, 3, 6, 12])) if seed % 10 else rows + 5  # more columns than rows
    comma = bool(draw.random() < 0.3)
    cells, meaning = {}, {}
    for place in range(width):
        kind = str(draw.choice(KINDS))
        texts, values = column(draw, kind, rows, comma)
        if kind != "beyond" and rows > 5 and draw.random() < 0.4:
            for row in draw.choice(rows, rows // 5, replace=False):
                texts[row], values[row] = str(draw.choice(GAPS)), None
        cells[f"{kind}{place}"], meaning[f"{kind}{place}"] = texts, values
    target = ["plain", "offset", "integer"][seed % 3] if seed % 4 else "category"
    cells["y"], meaning["y"] = column(draw, target, rows, comma)
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
    return Made(content, frame, options)


def reference(frame: pd.DataFrame, parts: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """The design matrix of each part: numbers, each followed by the mark of its gaps; then categories."""
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


def check(seed: int, tmp_path: Any) -> None:
    made = generate(seed)
    (tmp_path / "x.csv").write_bytes(made.content)
    table = Table(path=str(tmp_path / "x.csv"), target="y", **made.options)
    content = np.array([repr(row) for row in made.frame.itertuples(index=False)])
    try:
        splits = table.splits
    except DataError as error:
        _, counts = np.unique(content, return_counts=True)
        few = len(counts) < 20 or counts.max() > len(content) / 10  # distinct rows
        assert few or made.frame["y"].nunique() < 2, error
        assert "data." in str(error) or "rows" in str(error)
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
def test_a_generated_table_equals_its_reference_or_is_refused(seed, tmp_path):
    check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ALL)
def test_every_generated_table_equals_its_reference_or_is_refused(seed, tmp_path):
    check(seed, tmp_path)


def regression(seed: int) -> pd.DataFrame:
    """A linear target of a table with many more rows than columns, noise of a third of its deviation."""
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
def test_a_linear_model_reaches_the_error_of_least_squares(seed, tmp_path, train):
    frame = regression(seed)
    frame.to_csv(tmp_path / "x.csv", index=False)
    words = (f"data.path={tmp_path}/x.csv", "data.target=y", "task=regression", "model=linear")
    run = train("data=csv", *words, "optimizer=lbfgs", "batch_size=full", "budget.epochs=30")
    table = Table(path=str(tmp_path / "x.csv"), target="y", kind="regression")
    splits = table.splits
    (fit_x, fit_y), (test_x, test_y) = ([part.double().numpy() for part in each] for each in (splits.train, splits.test))
    error = LinearRegression().fit(fit_x, fit_y).predict(test_x) - test_y
    assert run.record.summary["test"]["rmse"] == pytest.approx(float(np.sqrt((error**2).mean())) * splits.target_scale, rel=0.1)
