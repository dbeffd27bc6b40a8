"""Splits of tables are stratified, keep groups and identical rows together, and are determined by the seed."""

from __future__ import annotations

import numpy as np
import pytest

from descentlab.data.loading.tables.cutting import Cut, choose, three_parts


def cut(classes, groups=None, seed=0, published=None, fractions=(0.2, 0.15)):
    rows = np.arange(len(classes))
    groups = rows if groups is None else np.asarray(groups)
    return three_parts(Cut(groups, np.asarray(classes), seed), rows, published, fractions)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("counts", [(296, 4), (100, 3), (60, 30, 10), (3, 3, 3), (250, 40, 7, 3)])
def test_class_with_three_or_more_rows_is_in_every_split(counts, seed):
    classes = np.repeat(np.arange(len(counts)), counts)
    parts = cut(classes, seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(len(classes)))
    assert all(set(classes[part]) == set(classes) for part in parts)
    if min(counts) >= 10:
        train, valid, test = (np.bincount(classes[part]) / counts for part in parts)
        assert np.allclose(test, 0.2, atol=0.06)
        assert np.allclose(valid, 0.8 * 0.15, atol=0.06)
        assert np.allclose(train, 0.8 * 0.85, atol=0.06)


@pytest.mark.parametrize(("rare", "places"), [(1, ["train"]), (2, ["train", "test"]), (3, ["train", "valid", "test"])])
def test_rare_class_is_in_train_first_then_in_test(rare, places):
    classes = np.array(["a"] * 50 + ["b"] * rare)
    found = dict(zip(("train", "valid", "test"), cut(classes), strict=True))
    assert {name for name, part in found.items() if "b" in classes[part]} == set(places)


def test_valid_is_stratified_with_a_published_test_split():
    classes = np.array([0] * 90 + [1] * 10)
    published = np.arange(0, 100, 5)
    train, valid, test = cut(classes, published=published)
    assert list(test) == list(published)
    assert classes[valid].sum() == 1
    assert classes[train].sum() == 7


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together_and_have_the_class_of_most_rows(seed):
    draw = np.random.default_rng(seed)
    groups = draw.integers(0, 60, 400)
    classes = (groups % 3 == 0) ^ (draw.random(400) < 0.05)
    parts = cut(classes, groups, seed)
    held = [set(groups[part]) for part in parts]
    assert not held[0] & held[1]
    assert not (held[0] | held[1]) & held[2]
    assert np.allclose([classes[part].mean() for part in parts], classes.mean(), atol=0.08)
    assert np.allclose([len(part) / 400 for part in parts], [0.68, 0.12, 0.2], atol=0.06)


def test_large_group_is_skipped_if_others_fit():
    sizes = np.array([70, 5, 5, 5, 5, 5, 5])
    assert choose(sizes, 0.2, 2).tolist() == [False, True, True, True, True, False, False]
    assert choose(np.array([5, 70, 5, 5, 5, 5, 5]), 0.2, 2).tolist() == [True, False, True, True, True, False, False]


def test_splits_are_determined_by_the_seed_and_shuffled():
    classes = np.arange(200) % 2
    first, again, other = cut(classes), cut(classes), cut(classes, seed=1)
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert np.abs(np.diff(classes[first[0]])).mean() == pytest.approx(0.5, abs=0.15)
    assert list(first[0]) != sorted(first[0])
