"""Adaptive clipping of the gradient of each unit, and normal noise that is added to gradients."""

from functools import partial

import pytest
import torch
from conftest import AtPoint
from support.curves import timeless_curves
from support.small_steps import SGD, TOTAL, by_hand, equal, net, trained
from support.torchrun import train_in_two_processes
from torch import nn

from descentlab.data.loading import loader
from descentlab.data.loading.loader import Part
from descentlab.optim.gradients import Clip, GradientNoise
from descentlab.optim.programs.noise import Noise
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step
from descentlab.optim.transforms.clip import clip_adaptively
from descentlab.run import run as run_job
from descentlab.store.interruption import Interrupted
from descentlab.store.record import read_curves


def clip_each_unit(model, bound, output=("head.weight", "head.bias")):
    """Clip by the loop of Brock et al., arXiv:2102.06171, eq. 3, over the units of all layers but the last."""
    clipped = 0
    for name, parameter in model.named_parameters():
        if name in output:
            continue
        units = zip(parameter.grad, parameter, strict=True) if parameter.dim() > 1 else [(parameter.grad, parameter)]
        for gradient, weight in units:
            limit = bound * max(float(weight.detach().norm()), 1e-3)
            if float(gradient.norm()) > limit:
                gradient.mul_(limit / float(gradient.norm()))
                clipped += 1
    return clipped


@pytest.mark.parametrize("bound", [0.01, 0.1])
def test_adaptive_clipping_equals_a_loop_over_the_units(bound):
    clipped = []
    ours = trained(Recipe(optimizer=SGD, clip=Clip(adaptive=bound)))
    expected = by_hand(SGD, lambda model: clipped.append(clip_each_unit(model, bound)))
    for mine, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)
    assert 0 < sum(clipped) < TOTAL * (5 + 1 + 1 + 1)
    assert not equal(ours, by_hand(SGD))


def test_order_of_clipping_is_value_adaptive_norm():
    def every(model):
        nn.utils.clip_grad_value_(model.parameters(), 0.05)
        clip_each_unit(model, 0.02)
        nn.utils.clip_grad_norm_(model.parameters(), 0.05)

    ours = trained(Recipe(optimizer=SGD, clip=Clip(norm=0.05, value=0.05, adaptive=0.02)))
    for mine, other in zip(ours, by_hand(SGD, every), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


def test_weights_of_zero_can_change_and_gradients_of_zero_stay_zero():
    gradients, weights = [torch.tensor([[3.0, 4.0], [0.0, 0.0]])], [torch.zeros(2, 2)]
    (found,) = clip_adaptively(gradients, weights, 0.5)
    torch.testing.assert_close(found, torch.tensor([[3.0, 4.0], [0.0, 0.0]]) * 0.5 * 1e-3 / 5)


def noise_at(step, count=50_000, seed=3, std=0.5, decay=0.8):
    parameter = nn.Parameter(torch.zeros(count))
    parameter.grad = torch.full((count,), 2.0)
    GradientNoise(std=std, decay=decay)([parameter], seed, step)
    return parameter.grad - 2.0


@pytest.mark.parametrize("step", [0, 1, 99])
def test_noise_is_normal_with_the_scheduled_variance(step):
    drawn = noise_at(step)
    variance = 0.25 / (1 + step) ** 0.8
    assert float(drawn.mean()) == pytest.approx(0, abs=4 * (variance / len(drawn)) ** 0.5)
    assert float(drawn.var()) == pytest.approx(variance, rel=4 * (2 / len(drawn)) ** 0.5)
    assert float((drawn**4).mean()) == pytest.approx(3 * variance**2, rel=0.1)


def test_noise_depends_on_seed_and_step_only_and_differs_from_that_of_dropout():
    assert torch.equal(noise_at(5), noise_at(5))
    first = noise_at(5, decay=0.0)
    others = [noise_at(6, decay=0.0), noise_at(5, seed=4, decay=0.0)]
    others.append(Noise(torch.tensor(3.0), torch.tensor(5.0)).normal((50_000,)))
    for other in others:
        assert abs(float(torch.corrcoef(torch.stack([first, other]))[0, 1])) < 4 * 50_000**-0.5


def test_noise_is_added_after_clipping():
    """Clipped to nothing, the gradient is the noise."""
    recipe = Recipe(optimizer=partial(SGD, lr=1.0), clip=Clip(norm=1e-9), noise=GradientNoise(std=0.1), seed=7)
    (weight, *_), start = trained(recipe, steps=1), next(net().parameters())
    expected = 0.1 * Noise(torch.tensor(7 + 2**32), torch.tensor(0)).normal(start.shape)
    torch.testing.assert_close(weight, start - expected, rtol=1e-5, atol=1e-6)


def test_noise_leaves_a_saddle_point():
    """From (0, 0) on x^2 - y^2 the gradient is zero: without noise the point stays there."""

    def descended(noise):
        model = nn.ParameterList([nn.Parameter(torch.zeros(2))])
        recipe = Recipe(optimizer=SGD, noise=noise)
        saddle = lambda batch: model[0][0] ** 2 - model[0][1] ** 2  # noqa: E731
        step = Step(model, saddle, torch.Tensor.backward, recipe.make(model), recipe, None)
        return [float(step([Part((torch.tensor(0),), 1.0)])) for _ in range(60)][-1]

    assert descended(GradientNoise()) == 0
    assert descended(GradientNoise(std=1e-3, decay=0.0)) < -1e-3


def test_a_resumed_run_has_the_noise_of_an_uninterrupted_one(job, monkeypatch):
    monkeypatch.setattr(loader, "MAX_CHUNK", 1)
    words = ("problem=digits_mlp", "optimizer=adam", "noise.std=0.1", "budget.epochs=null", "budget.steps=12", "log_every=1")
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    run_job(whole)
    with pytest.raises(Interrupted):
        run_job(parts, AtPoint(6))
    run_job(parts)
    assert timeless_curves(parts).equals(timeless_curves(whole))


@pytest.mark.slow
def test_data_parallel_training_has_the_noise_and_the_clipping_of_one_process(job):
    words = ("problem=digits_mlp", "optimizer=adam", "noise.std=0.05", "clip.adaptive=0.05", "budget.epochs=null")
    words += ("budget.steps=12", "log_every=1", "data.limit=300", "trainer.accelerator=cpu")
    one, two = job(*words, "sweep=one"), job(*words, "trainer=ddp", "trainer.devices=2", "sweep=two")
    run_job(one)
    train_in_two_processes([two])
    losses = [read_curves(each.folder)["train/loss"].drop_nulls().to_list() for each in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
