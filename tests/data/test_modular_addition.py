"""Modular addition: all pairs once, sums and splits."""

import pytest
import torch

from descentlab.data.modular_addition import ModularAddition


def decoded(x: torch.Tensor, modulus: int) -> list[tuple[int, int]]:
    """Return the pairs that one-hot rows express."""
    assert torch.equal(x.sum(1), torch.full((len(x),), 2.0))
    return list(zip(x[:, :modulus].argmax(1).tolist(), x[:, modulus:].argmax(1).tolist(), strict=True))


@pytest.mark.parametrize(("modulus", "fraction"), [(59, 0.4), (7, 0.5), (2, 0.5)])
def test_every_pair_is_in_one_split_with_its_sum(modulus, fraction):
    splits = ModularAddition(modulus, fraction).splits
    seen = []
    for x, y in (splits.train, splits.valid, splits.test):
        pairs = decoded(x, modulus)
        assert y.tolist() == [(a + b) % modulus for a, b in pairs]
        seen += pairs
    assert sorted(seen) == [(a, b) for a in range(modulus) for b in range(modulus)]
    sizes = splits.sizes()
    assert abs(sizes["train"] - fraction * modulus**2) <= 1
    assert abs(sizes["valid"] - sizes["test"]) <= 1


def test_split_depends_on_split_seed():
    digests = [ModularAddition(11, 0.4, seed).splits.digest() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
