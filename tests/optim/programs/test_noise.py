"""Random numbers of programs: uniform, and a function of seed, step and call alone."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import dropout

from descentlab.optim.programs.noise import Noise

COUNT = 100_000


def noise(seed=0, step=0):
    return Noise(torch.tensor(float(seed), dtype=torch.float64), torch.tensor(float(step), dtype=torch.float64))


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_numbers_are_uniform_and_independent_between_seeds_steps_calls_and_neighbours(seed):
    draws = noise(seed)
    first, others = draws.uniform((COUNT,)), [draws, noise(seed + 1), noise(seed, 1), noise(seed + 2**32)]
    assert first.min() > 0
    assert first.max() < 1
    error = COUNT**-0.5
    for other in (*(each.uniform((COUNT,)) for each in others), first.roll(1)):
        assert abs(float(other.mean()) - 0.5) < 4 * 12**-0.5 * error
        assert abs(float(torch.corrcoef(torch.stack([first, other]))[0, 1])) < 4 * error
    counts = torch.histc(first, 100, 0, 1)
    assert float(((counts - COUNT / 100) ** 2 / (COUNT / 100)).sum()) < 99 + 4 * (2 * 99) ** 0.5  # chi-squared


def test_first_numbers_of_many_seeds_and_steps_are_uniform():
    first = torch.cat([noise(seed, step).uniform((1,)) for seed in range(30) for step in range(30)])
    assert abs(float(first.mean()) - 0.5) < 4 * 12**-0.5 / 30
    assert float(torch.histc(first, 9, 0, 1).min()) > 60


def test_dropout_keeps_the_mean_and_drops_the_fraction():
    x = torch.ones(COUNT)
    with noise(3, 5):
        dropped, unchanged = dropout(x, 0.3), dropout(x, 0.3, training=False)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)
    assert torch.equal(unchanged, x)


def test_normal_numbers_have_the_moments_of_the_normal_distribution():
    with noise():
        x = torch.randn_like(torch.empty(COUNT))
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
        assert float((x**power).mean()) == pytest.approx(moment, abs=0.1)


def test_numbers_do_not_depend_on_the_state_of_torch_or_on_the_other_runs_of_a_block():
    def draw(seed, step):
        return Noise(seed, step).uniform((3, 4))

    seeds, steps = torch.tensor([5.0, 7.0, 7.0]).double(), torch.tensor([1.0, 1.0, 2.0]).double()
    stacked = torch.vmap(draw)(seeds, steps)
    torch.manual_seed(1)
    for run in range(3):
        assert torch.equal(stacked[run], noise(seeds[run], steps[run]).uniform((3, 4)))


@pytest.mark.parametrize("seed", [0, 5, 2**32 + 7])
def test_numbers_of_plain_integers_are_those_of_tensors(seed):
    plain = Noise(seed, 9, torch.device("cpu"))
    stacked = noise(seed, 9)
    assert all(torch.equal(plain.normal((3, 4)), stacked.normal((3, 4))) for _ in range(2))
