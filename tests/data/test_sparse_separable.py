"""The separable problem with sparse features: its features one by one, and the solutions of the paper."""

import pytest
import torch

from descentlab.data.sparse_separable import SparseSeparable


def drawn(rows=(60, 20, 40), positives=0.6, **more):
    splits = SparseSeparable(list(rows), positives, **more).splits
    return splits.train, splits.valid, splits.test


def test_features_are_those_of_the_paper():
    """Equation of section 3.3, with features and examples numbered from 1."""
    features = torch.cat([x for x, _ in drawn()])
    signs = 2 * torch.cat([y for _, y in drawn()]) - 1
    assert features.shape == (120, 3 + 5 * 120)
    for i, (row, y) in enumerate(zip(features, signs.tolist(), strict=True), 1):
        own = {4 + 5 * (i - 1) + k for k in range(1 + int(2 * (1 - y)))}
        expected = {1: y, 2: 1.0, 3: 1.0, **dict.fromkeys(own, 1.0)}
        found = {int(j) + 1: float(row[j]) for j in row.nonzero().flatten()}
        assert found == expected


@pytest.mark.parametrize("positives", [0.6, 0.9])
def test_share_of_positives(positives):
    targets = drawn(rows=(1000, 1, 1), positives=positives)[0][1]
    assert abs(float(targets.mean()) - positives) < 0.05


def test_the_minimum_norm_solution_generalises_and_the_sign_solution_predicts_the_majority():
    """Lemma 3.1: sign(X'y) fits the training split with equal margins, but errs on each negative test example."""
    (x, y), _, (test_x, test_y) = drawn(rows=(100, 1, 300))
    signs, test_signs = 2 * y.double() - 1, 2 * test_y.double() - 1
    x, test_x = x.double(), test_x.double()
    adaptive = torch.sign(x.T @ signs)
    assert torch.allclose(signs * (x @ adaptive), torch.full((100,), 4.0, dtype=torch.float64))
    assert bool((test_x @ adaptive > 0).all())
    least_norm = x.T @ torch.linalg.solve(x @ x.T, signs)
    assert torch.equal(torch.sign(test_x @ least_norm), test_signs)


def test_draws_depend_on_split_seed_only():
    seeds = ((1, 0), (2, 0), (1, 1))
    targets = []
    for run_seed, split_seed in seeds:
        torch.manual_seed(run_seed)
        targets.append(drawn(split_seed=split_seed)[0][1].tolist())
    assert targets[0] == targets[1] != targets[2]
