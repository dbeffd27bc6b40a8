"""`fused: auto` selects a kernel that exists and gives the same update up to rounding."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from conftest import compose_config
from hydra.utils import instantiate
from torch import nn

from descentlab.optim.kernels import fused_setting, kernels_of
from descentlab.optim.recipe import Recipe

AUTO = ("adam", "adamw", "sgd", "momentum", "nesterov", "adagrad")


def make(model: nn.Module, *words: str):
    config, _, mistakes = compose_config(*words)
    assert not mistakes
    return Recipe.of(config, partial(instantiate, _convert_="all")).make(model)


def net(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).to(dtype)


@pytest.mark.parametrize("name", AUTO)
def test_the_fused_kernel_gives_the_weights_of_the_default_one(name):
    ends = []
    for kernel in ("auto", "null"):
        model = net(torch.float64)
        optimizer = make(model, f"optimizer={name}", f"optimizer.fused={kernel}", "optimizer.weight_decay=0.01")
        assert kernels_of(optimizer) == {"auto": "fused", "null": "default"}[kernel]
        inputs = torch.linspace(-1, 1, 20, dtype=torch.float64).view(4, 5)
        for _ in range(20):
            optimizer.zero_grad()
            model(inputs).square().sum().backward()
            optimizer.step()
        ends.append([p.detach() for p in model.parameters()])
    for with_fused, with_default in zip(*ends, strict=True):
        torch.testing.assert_close(with_fused, with_default, rtol=1e-12, atol=1e-14)


def test_the_default_kernel_is_used_where_the_fused_one_would_fail():
    def setting(model: nn.Module, *parameters: torch.Tensor, scaled: bool = False, **settings):
        return fused_setting(model, parameters or list(model.parameters()), settings, loss_is_scaled=scaled)

    model, embedding = net(), nn.Embedding(4, 2, sparse=True)
    assert setting(model) is True
    assert setting(model, scaled=True) is None
    assert setting(model, foreach=True) is None
    assert setting(model, foreach=False) is None, "the user asked for the loop"
    assert setting(model, differentiable=True) is None
    assert setting(model, dampening=0.1) is None
    assert setting(model, torch.zeros(2, device="meta")) is None
    assert setting(net(torch.bfloat16)) is None
    assert setting(embedding) is None
    assert setting(model, nn.Parameter(torch.zeros(4, 8)[:, ::2])) is None, "its gradient has other strides"
    assert setting(model, nn.Parameter(torch.zeros(4, 8).T)) is True


class Branches(nn.Module):
    """The second layer is used in later steps only."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor, step: int) -> torch.Tensor:
        return self.first(x) if step < 2 else self.second(self.first(x))


@pytest.mark.parametrize("name", AUTO)
def test_a_parameter_may_get_its_first_gradient_in_a_later_step(name):
    ends = []
    for kernel in ("auto", "null"):
        torch.manual_seed(0)
        model = Branches().double()
        optimizer = make(model, f"optimizer={name}", f"optimizer.fused={kernel}")
        for step in range(5):
            optimizer.zero_grad()
            model(torch.ones(3, 2, dtype=torch.float64), step).square().sum().backward()
            optimizer.step()
        ends.append([p.detach() for p in model.parameters()])
    for with_fused, with_default in zip(*ends, strict=True):
        torch.testing.assert_close(with_fused, with_default, rtol=1e-12, atol=1e-14)


def test_a_run_in_half_precision_with_a_loss_scale_uses_the_default_kernel():
    assert kernels_of(make(net(), "trainer.precision=16-mixed")) == "default"
    assert kernels_of(make(net(), "trainer.precision=bf16-mixed")) == "fused"


def test_an_optimizer_without_a_fused_kernel_uses_the_default_one():
    assert kernels_of(make(net(), "optimizer=rmsprop")) == "default"
