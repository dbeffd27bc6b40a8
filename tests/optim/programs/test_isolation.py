"""The runs of a block do not influence each other, bit for bit."""

from __future__ import annotations

import pytest
import torch
from support.stacked import recipe_of, small, train_block

RATES = [1e-3, 1e200, 1e-2, float("inf")]  # runs 1 and 3 diverge at once
HEALTHY = [0, 2]


def block(rates, words, shared, **model):
    recipes = [recipe_of(*words, f"seed={run}", lr=rate) for run, rate in enumerate(rates)]
    return [small(run, recipe, data_seed=run * (not shared), **model) for run, recipe in enumerate(recipes)]


def tensors(trained, runs):
    state = trained.state
    named = [*state.weights, *state.buffers.values(), *(each for rule in state.rules for each in rule.values()), *state.mean]
    return [trained.losses[:, runs], *(tensor[runs] for tensor in named)]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("words", "model"),
    [
        (("optimizer=momentum", "clip.norm=1", "average.kind=ema"), {}),
        pytest.param(("optimizer=adam", "decay.rate=0.1"), {"norm": "batch", "dropout": 0.2}, marks=pytest.mark.slow),
        pytest.param(("optimizer=scratch/muon",), {"norm": "layer"}, marks=pytest.mark.slow),
    ],
)
def test_a_diverging_run_does_not_change_a_bit_of_the_others(words, model, shared):
    mixed = train_block(block(RATES, words, shared, **model), shared)
    calm = train_block(block([1e-3, 1e-2, 1e-2, 1e-1], words, shared, **model), shared)
    assert not torch.isfinite(mixed.losses[-1, 3])
    for found, expected in zip(tensors(mixed, HEALTHY), tensors(calm, HEALTHY), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_a_diverging_run_does_not_change_a_bit_of_the_others_in_compiled_programs(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENTLAB_CACHE", str(tmp_path))
    words = ("optimizer=adam", "clip.norm=1", "decay.rate=0.1")
    mixed = train_block(block(RATES, words, shared), shared, is_compiled=True)
    calm = train_block(block([1e-3, 1e-2, 1e-2, 1e-1], words, shared), shared, is_compiled=True)  # the same program
    assert not torch.isfinite(mixed.losses[-1, 3])
    for found, expected in zip(tensors(mixed, HEALTHY), tensors(calm, HEALTHY), strict=True):
        assert torch.equal(found, expected)
