"""Groups, published test rows and invalid splits of tables."""

from __future__ import annotations

import numpy as np
import pytest

from .conftest import ROWS, detail

CLASSES = ["a", "b"] * (ROWS // 2)


def test_rows_without_a_group_are_separate_groups(table, number):
    groups = ["" if place % 2 else f"p{place % 7}" for place in range(ROWS)]
    data = table({"who": groups, "x": number}, group="who")
    sizes = data.splits.sizes()
    assert sizes["train"] < 45
    held = [{groups[row] for row in part if groups[row]} for part in data.rows]
    assert not held[0] & held[1]
    assert not (held[0] | held[1]) & held[2]
    assert data.warnings == ["30 rows without who (data.group=who): each forms a separate group."]
    assert detail(data, "who") == ("group", "7 groups")
    assert detail(table({"who": [""] * ROWS, "x": number}, group="who"), "who") == ("group", "0 groups")


@pytest.mark.parametrize("groups", [["a"] * ROWS, ["a", "b"] * (ROWS // 2), ["a"] * 50 + [*"bcdefghijk"], ["a", "b", "c"] * 20])
@pytest.mark.parametrize("kind", ["regression", "classes"])
def test_too_few_or_too_large_groups_are_refused(refusal, number, groups, kind):
    target = {} if kind == "regression" else {"y": CLASSES}
    assert "data.group=g" in refusal({"g": groups, "x": number} | target, group="g", kind=kind)


@pytest.mark.parametrize("value", [1, "1", 1.0, [1], ["1"], True])
@pytest.mark.parametrize("cells", [("0", "1"), ("0.0", "1.0"), ("false", "true")])
def test_test_rows_are_compared_as_numbers_and_as_strings(table, refusal, number, value, cells):
    column = [cells[1] if place % 4 == 0 else cells[0] for place in range(ROWS)]
    fits = (value is True) == (cells[0] == "false")
    if not fits:
        assert f"no row has this value; s has {cells[0][0]}" in refusal({"s": column, "x": number}, test_rows={"s": value})
        return
    data = table({"s": column, "x": number}, test_rows={"s": value})
    assert data.splits.sizes()["test"] == ROWS // 4
    assert sorted(data.rows[2]) == list(range(0, ROWS, 4))
    assert detail(data, "s")[0] == "split"
    assert data.splits.train[0].shape[1] == 1


def test_test_rows_of_no_row_or_all_rows_are_refused(refusal, number):
    assert "'data.test_rows={s: tst}': no row has this value; s has test, train" in refusal(
        {"s": ["test", "train"] * (ROWS // 2), "x": number}, test_rows={"s": "tst"}
    )
    assert "all rows are test" in refusal({"s": ["test"] * ROWS, "x": number}, test_rows={"s": "test"})


def test_rows_shared_by_a_published_test_split_give_a_warning(table, number):
    twice = [*number[:30], *number[:30]]
    data = table({"s": ["test"] * 30 + ["train"] * 30, "x": twice, "y": twice}, test_rows={"s": "test"})
    assert data.splits.sizes()["test"] == 30
    assert data.warnings == ["The published test split shares identical rows with train or valid in 30 rows."]


@pytest.mark.parametrize(("kind", "positive"), [("binary", "yes"), ("classes", None)])
@pytest.mark.parametrize("rare", [3, 4, 10])
@pytest.mark.parametrize("common", ["yes", "no"])
def test_rare_class_is_in_every_split(table, kind, positive, rare, common):
    other = "no" if common == "yes" else "yes"
    y = [other if place % (300 // rare) == 0 and place // (300 // rare) < rare else common for place in range(300)]
    data = table({"x": np.random.default_rng(0).normal(size=300), "y": y}, kind=kind, positive=positive)
    splits = data.splits
    assert all(len(part[1].unique()) == 2 for part in (splits.train, splits.valid, splits.test))
    assert not data.warnings


def test_split_without_a_class_gives_a_warning(table, number):
    data = table({"x": number, "y": ["c", *CLASSES[1:]]}, kind="classes")
    assert min(data.splits.sizes().values()) > 5
    undefined = "metrics that need every class, such as auroc, are undefined there."
    assert data.warnings == [f"{name} has no row of the class c (1 in all) of y: {undefined}" for name in ("valid", "test")]


def test_train_without_a_class_is_refused(refusal, number):
    split = ["test" if place < 10 else "train" for place in range(ROWS)]
    message = refusal({"s": split, "x": number, "y": ["c"] * 3 + CLASSES[3:]}, kind="classes", test_rows={"s": "test"})
    assert "train has no row of the class c (3 in all) of y: data.test_rows puts all its rows into another split" in message


def test_identical_rows_are_never_split_and_too_many_are_refused(table, refusal):
    x = [*range(40), *range(20)]
    data = table({"x": x, "y": x})
    assert data.splits
    held = [{x[row] for row in part} for part in data.rows]
    assert not held[0] & held[1]
    assert not (held[0] | held[1]) & held[2]
    many = [0] * 40 + [*range(1, 21)]
    assert table({"x": many, "y": many}).splits.sizes() == {"train": 42, "valid": 7, "test": 11}
    same = [0] * 50 + [*range(1, 11)]
    assert "50 of 60 rows are identical" in refusal({"x": same, "y": same})
    assert "identical rows are never split: add rows" in refusal({"x": [1] * 59 + [2], "y": [1] * 59 + [2]})


@pytest.mark.parametrize(("rows", "kind"), [(5, "regression"), (8, "regression"), (6, "classes"), (8, "binary")])
def test_few_rows_are_enough(table, number, rows, kind):
    target = {"regression": [*number[:rows]], "binary": CLASSES[:rows], "classes": CLASSES[:rows]}[kind]
    data = table({"x": number[:rows], "y": target}, kind=kind, positive="a" if kind == "binary" else None)
    assert sum(data.splits.sizes().values()) == rows
    assert min(data.splits.sizes().values()) >= 1
    assert any("single row" in message for message in data.warnings) == (1 in data.splits.sizes().values())


@pytest.mark.parametrize(("kind", "more"), [("binary", {"positive": "b"}), ("classes", {})])
@pytest.mark.parametrize("rare", [0, 19])
def test_limit_keeps_every_class_in_its_proportion(table, refusal, kind, more, rare):
    numbers = np.arange(400)
    columns = {"x": numbers, "y": ["b" if place % 20 == rare else "a" for place in numbers]}
    common = {"kind": kind, **more}
    message = "1 row of train cannot hold all 2 classes (not {}): give data.limit=2 or more, or data.limit=null"
    assert any(message.format(name) in refusal(columns, **common, limit=1) for name in "ab")
    whole = table(columns, **common).splits
    for limit in (2, 3, 40, 271, 10_000):
        data = table(columns, **common, limit=limit)
        assert not data.warnings
        for name, size in data.splits.sizes().items():
            before, after = getattr(whole, name)[1], getattr(data.splits, name)[1]
            assert size == min(limit, len(before))
            expected = size * before.unique(return_counts=True)[1] / len(before)
            assert (after.unique(return_counts=True)[1] - expected).abs().max() <= 1


def test_limit_keeps_the_first_rows_of_each_class_in_their_order(table):
    columns = {"x": np.arange(300), "y": ["abc"[place % 3] for place in range(300)]}
    whole, part = (table(columns, kind="classes", limit=limit).splits.train for limit in (None, 30))
    first = sorted(row for code in range(3) for row in (whole[1] == code).nonzero().flatten()[:10].tolist())
    assert part[0].equal(whole[0][first])
    assert part[1].equal(whole[1][first])


def test_check_on_a_few_rows_needs_no_class(table):
    data = table({"x": np.arange(400), "y": ["b" if place % 20 == 0 else "a" for place in range(400)]}, kind="classes")
    assert data.limited(data.splits, 2).sizes() == {"train": 2, "valid": 2, "test": 2}
    assert not data.warnings


def test_limit_on_a_regression_table_applies_to_all_splits(table):
    data = table({"x": np.arange(60)}, limit=2)
    assert data.splits.sizes() == {"train": 2, "valid": 2, "test": 2}
    assert not data.warnings
