"""The transformations under torch.vmap equal a loop over members, and their use by one run equals torch's own functions."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from descentlab.optim.transforms import average, clip, decay, lists
from descentlab.optim.transforms.noise import add_noise
from descentlab.optim.transforms.orthogonal import make_orthogonal, random_directions

MEMBERS = 8
SHAPES = [(4, 3), (4,), (2, 4), ()]
VALUES = torch.linspace(0.01, 2.0, MEMBERS, dtype=torch.float64)  # one hyperparameter for each member


def stacked(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(MEMBERS, *shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def member(tensors: list[Tensor], index: int) -> list[Tensor]:
    return [tensor[index] for tensor in tensors]


def assert_equals_loop(function, groups: list[list[Tensor]], *hyper: Tensor) -> None:
    """Compare `function(*groups, *hyper)` under vmap with a loop over members, each with its own hyperparameters."""
    together = torch.vmap(function)(*groups, *hyper)
    for index in range(MEMBERS):
        alone = function(*(member(group, index) for group in groups), *(float(values[index]) for values in hyper))
        for one, other in zip(member(list(together), index), alone, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bound", [0.5, 100.0], ids=["clipped", "within the bound"])
def test_clipping_under_vmap_equals_a_loop(bound):
    assert_equals_loop(partial(clip.clip_by_value, bound=bound), [stacked(0)])
    assert_equals_loop(partial(clip.clip_by_norm, bound=bound), [stacked(0)])


def test_clipping_under_vmap_has_a_norm_bound_per_member():
    assert_equals_loop(clip.clip_by_norm, [stacked(0)], VALUES)
    norms = torch.vmap(lambda gradients, bound: lists.norm(clip.clip_by_norm(gradients, bound)))(stacked(0), VALUES)
    torch.testing.assert_close(norms, VALUES, rtol=1e-5, atol=0)


def test_adaptive_clipping_under_vmap_equals_a_loop_with_a_bound_per_member():
    assert_equals_loop(partial(clip.clip_adaptively, bound=0.1), [stacked(0), stacked(1)])
    assert_equals_loop(clip.clip_adaptively, [stacked(0), stacked(1)], VALUES)


def test_noise_under_vmap_equals_a_loop_with_a_seed_and_a_deviation_per_member():
    def noisy(gradients, deviation, seed):
        return add_noise(gradients, deviation, torch.as_tensor(seed, dtype=torch.float64), torch.tensor(7.0))

    assert_equals_loop(noisy, [stacked(0)], VALUES, torch.arange(MEMBERS, dtype=torch.float64))


def test_orthogonal_gradients_under_vmap_equal_a_loop_with_a_seed_per_member():
    def projected(gradients, seed):
        number = torch.as_tensor(seed, dtype=torch.float64)
        return make_orthogonal(gradients, random_directions(gradients, number, torch.tensor(7.0)))

    assert_equals_loop(make_orthogonal, [stacked(0), stacked(1)])
    assert_equals_loop(projected, [stacked(0)], torch.arange(MEMBERS, dtype=torch.float64))


def test_decay_under_vmap_equals_a_loop():
    assert_equals_loop(partial(decay.coupled, rate=0.3), [stacked(0), stacked(1)])
    assert_equals_loop(partial(decay.decoupled, shrink=0.3), [stacked(0)])


def test_decay_under_vmap_has_a_rate_per_member():
    assert_equals_loop(decay.coupled, [stacked(0), stacked(1)], VALUES)
    assert_equals_loop(decay.decoupled, [stacked(0)], VALUES)


@pytest.mark.parametrize("count", [1, 5, 1000])
def test_averages_under_vmap_equal_a_loop(count):
    assert_equals_loop(partial(average.update, share=average.swa_share(count)), [stacked(0), stacked(1)])
    ema = lambda mean, weights, d: average.update(mean, weights, average.ema_share(count, d))  # noqa: E731
    assert_equals_loop(ema, [stacked(0), stacked(1)], VALUES.clamp(max=0.999))


def test_a_whole_step_under_vmap_equals_a_loop():
    """Clip, gradient descent, decay and average in this order, each member with its own learning rate."""

    def step(gradients, weights, mean, lr):
        gradients = clip.clip_by_norm(clip.clip_by_value(gradients, 1.0), 0.7)
        weights = decay.decoupled(lists.add(weights, gradients, -lr), 0.1 * lr)
        return average.update(mean, weights, average.ema_share(3, 0.9))

    assert_equals_loop(step, [stacked(0), stacked(1), stacked(2)], VALUES)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outside_vmap_clipping_is_bit_identical_to_torch(dtype):
    gradients = [tensor.to(dtype) for tensor in stacked(0)]
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for bound in (0.5, 100.0):
        for ours, torchs in ((clip.clip_by_norm, nn.utils.clip_grad_norm_), (clip.clip_by_value, nn.utils.clip_grad_value_)):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient.clone()
            torchs(parameters, bound)
            assert all(torch.equal(a, p.grad) for a, p in zip(ours(gradients, bound), parameters, strict=True))


def test_transformations_leave_their_arguments_unchanged():
    gradients, weights = stacked(0), stacked(1)
    before = [tensor.clone() for tensor in (*gradients, *weights)]
    clip.clip_by_value(gradients, 0.1), clip.clip_by_norm(gradients, 0.1), clip.clip_adaptively(gradients, weights, 0.1)
    add_noise(gradients, 0.1, torch.tensor(0.0), torch.tensor(0.0))
    decay.coupled(gradients, weights, 0.1), decay.decoupled(weights, 0.1)
    average.update(average.start(weights), gradients, 0.5)
    assert all(torch.equal(now, old) for now, old in zip((*gradients, *weights), before, strict=True))


def test_average_of_bfloat16_weights_has_32_bits():
    (mean,) = average.update(average.start([torch.zeros(2, dtype=torch.bfloat16)]), [torch.ones(2, dtype=torch.bfloat16)], 1e-3)
    assert mean.dtype == torch.float32
    assert mean.tolist() == pytest.approx([1e-3, 1e-3])


def test_lists_without_tensors_are_transformed_to_empty_lists():
    assert (
        clip.clip_by_norm([], 1.0)
        == clip.clip_by_value([], 1.0)
        == decay.decoupled([], 0.1)
        == decay.coupled([], [], 0.1)
        == []
    )


def test_averages_take_a_share_in_double_precision():
    mean, weights, shares = torch.zeros(2, 3), torch.ones(2, 3), torch.tensor([0.25, 1.0], dtype=torch.float64)
    found = torch.vmap(lambda *each: lists.interpolate([each[0]], [each[1]], each[2])[0])(mean, weights, shares)
    torch.testing.assert_close(found, torch.tensor([[0.25] * 3, [1.0] * 3]))
