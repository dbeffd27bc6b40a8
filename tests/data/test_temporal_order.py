"""The temporal order problem: sequences, and classes by an independent rule."""

import pytest
import torch

from descentlab.data.temporal_order import TemporalOrder
from descentlab.errors import UsageError

CLASSES = {1: "A B", 2: "AA AB BA BB", 3: "AAA AAB ABA ABB BAA BAB BBA BBB"}
every_kind = pytest.mark.parametrize(("bits", "length"), [(1, 60), (2, 10), (2, 57), (2, 100), (3, 10), (3, 100)])


def drawn(bits=2, length=50, rows=(600, 300, 200), **more):
    splits = TemporalOrder(bits, length, list(rows), **more).splits
    return splits.train, splits.valid, splits.test


@every_kind
def test_class_is_the_order_of_the_relevant_symbols(bits, length):
    for ids, classes in drawn(bits, length):
        for row, label in zip(ids.tolist(), classes.tolist(), strict=True):
            assert "".join("abcdAB"[id] for id in row if id >= 4) == CLASSES[bits].split()[label]


@pytest.mark.parametrize(
    ("bits", "places"), [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])], ids=["two bits", "three bits"]
)
def test_positions_at_length_100_are_those_of_the_paper(bits, places):
    ids, _ = drawn(bits, 100, rows=(3000, 1, 1))[0]
    found = torch.stack([(row >= 4).nonzero()[:, 0] for row in ids])
    assert [(int(column.min()), int(column.max()) + 1) for column in found.T] == places


@every_kind
def test_classes_and_symbols_are_uniform(bits, length):
    ids, classes = drawn(bits, length, rows=(8000, 1, 1))[0]
    shares = torch.bincount(classes, minlength=2**bits) / len(classes)
    assert torch.allclose(shares, torch.full_like(shares, 0.5**bits), atol=0.02)
    shares = torch.bincount(ids[ids < 4], minlength=4) / int((ids < 4).sum())
    assert torch.allclose(shares, torch.full_like(shares, 0.25), atol=0.02)


def test_no_sequence_is_in_two_splits():
    rows = [{row.numpy().tobytes() for row in ids} for ids, _ in drawn()]
    assert [len(part) for part in rows] == [600, 300, 200]
    assert len(set.union(*rows)) == 1100


def test_draws_depend_on_split_seed_only():
    digests = []
    for run_seed, split_seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(run_seed)
        digests.append(TemporalOrder(2, 50, [60, 30, 20], split_seed).splits.digest())
    assert digests[0] == digests[1] != digests[2]


def test_facts_are_checked_against_the_data():
    with pytest.raises(ValueError, match=r"data\.num_classes is 4 in the config, but TemporalOrder has 8"):
        drawn(3, num_classes=4)
    with pytest.raises(UsageError, match=r"data\.length=9"):
        drawn(length=9)


def test_the_number_of_distractors_shifts_the_relevant_symbols():
    for ids, classes in drawn(1, 20, distractors=1):
        assert set(ids.unique().tolist()) == {0, 1, 2}
        assert torch.equal(ids.max(1).values - 1, classes)
