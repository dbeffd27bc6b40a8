"""The rules under test. Add a new one as a row of RULES, and of REFERENCES if a library implements it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytorch_optimizer
import schedulefree
import torch
from torch import Tensor

from descentlab.optim import scratch

# The class, and the options that select a different computation: each combination is tested as a rule.
RULES: list[tuple[str, dict[str, Any]]] = [
    ("GradientDescent", {}),
    ("Momentum", {}),
    ("Nesterov", {}),
    ("AdaGrad", {}),
    ("RMSProp", {}),
    ("RMSProp", {"centered": True}),
    ("AdaDelta", {}),
    ("Adam", {}),
    ("Adam", {"bias_correction": False}),
    ("Adam", {"bias_correction": "first", "second_moment_init": "gradient"}),
    ("AMSGrad", {}),
    ("AdamW", {}),
    ("AdamW", {"decay": "coupled"}),
    ("AdamW", {"decay": "independent"}),
    ("Adamax", {}),
    ("NAdam", {}),
    ("NAdam", {"decoupled_weight_decay": True}),
    ("RAdam", {}),
    ("RAdam", {"decoupled_weight_decay": True}),
    ("Lion", {}),
    ("SignSGD", {}),
    ("Adafactor", {}),
    ("Muon", {"ns_dtype": "float64"}),  # in bfloat16, addmm under vmap rounds once more
    ("Muon", {"ns_dtype": "float64", "nesterov": False, "adjust_lr_fn": "match_rms_adamw"}),
    ("ScheduleFreeSGD", {}),
    ("ScheduleFreeAdamW", {}),
]

# 16 values of a hyperparameter, where values around its default are unsuitable.
RANGES: dict[str, list[Any]] = {
    "Adafactor.eps": [(10.0**-k, 1e-3 * (k + 1)) for k in range(16)],
    "ScheduleFreeSGD.warmup_steps": list(range(16)),
    "ScheduleFreeAdamW.warmup_steps": list(range(16)),
}
STATIC = ("Muon.ns_steps", "Muon.ns_coefficients")  # numbers that determine the computation


class Reference(NamedTuple):
    """A rule, a library's implementation of it, the arguments of both, and the additional arguments of the library's."""

    name: str
    other: type[torch.optim.Optimizer]
    given: Mapping[str, Any]
    additional: Mapping[str, Any] = {}


T, P, S = torch.optim, pytorch_optimizer, schedulefree
REFERENCES = [
    Reference("GradientDescent", T.SGD, {"lr": 0.05}),
    Reference("GradientDescent", T.SGD, {"lr": 0.05, "weight_decay": 0.1}),
    Reference("Momentum", T.SGD, {"lr": 0.05, "momentum": 0.9}),
    Reference("Momentum", T.SGD, {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}),
    Reference("Nesterov", T.SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}, {"nesterov": True}),
    Reference("AdaGrad", T.Adagrad, {}),
    Reference(
        "AdaGrad",
        T.Adagrad,
        {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3},
    ),
    Reference("RMSProp", T.RMSprop, {}),
    Reference("RMSProp", T.RMSprop, {"centered": True, "alpha": 0.9, "eps": 1e-4}),
    Reference("RMSProp", T.RMSprop, {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    Reference("AdaDelta", T.Adadelta, {}),
    Reference("AdaDelta", T.Adadelta, {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    Reference("Adam", T.Adam, {}),
    Reference("Adam", T.Adam, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    Reference("AMSGrad", T.Adam, {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1}, {"amsgrad": True}),
    Reference("AdamW", T.AdamW, {}),
    Reference("AdamW", T.AdamW, {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.3}),
    Reference("Adamax", T.Adamax, {}),
    Reference("Adamax", T.Adamax, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    Reference("NAdam", T.NAdam, {}),
    Reference("NAdam", T.NAdam, {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1, "momentum_decay": 0.1}),
    Reference("NAdam", T.NAdam, {"weight_decay": 0.3, "decoupled_weight_decay": True}),
    Reference("RAdam", T.RAdam, {}),
    Reference("RAdam", T.RAdam, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    Reference("RAdam", T.RAdam, {"betas": (0.9, 0.5), "weight_decay": 0.3, "decoupled_weight_decay": True}),  # never rectified
    Reference("Lion", P.Lion, {"lr": 0.01}),
    Reference("Lion", P.Lion, {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.3}),
    Reference("SignSGD", P.SignSGD, {"lr": 0.01, "momentum": 0.0}),
    Reference("SignSGD", P.SignSGD, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.3}),
    Reference("Adafactor", T.Adafactor, {}),
    Reference("Adafactor", T.Adafactor, {"lr": 0.3, "beta2_decay": -0.5, "eps": (1e-3, 0.1), "d": 2.0, "weight_decay": 0.1}),
    Reference("Muon", T.Muon, {}),
    Reference("Muon", T.Muon, {"lr": 0.02, "momentum": 0.8, "nesterov": False, "weight_decay": 0.0, "ns_steps": 3}),
    Reference("Muon", T.Muon, {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw", "ns_coefficients": (2.0, -1.5, 0.5)}),
    Reference("Muon", T.Muon, {"lr": 0.02, "adjust_lr_fn": "spectral_unclamped", "eps": 10.0}),
    Reference("ScheduleFreeSGD", S.SGDScheduleFree, {"lr": 0.1}),
    Reference(
        "ScheduleFreeSGD",
        S.SGDScheduleFree,
        {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "warmup_steps": 10, "r": 0.5, "weight_lr_power": 1.0},
    ),
    Reference("ScheduleFreeAdamW", S.AdamWScheduleFree, {}),
    Reference(
        "ScheduleFreeAdamW",
        S.AdamWScheduleFree,
        {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "warmup_steps": 10, "r": 1.0},
    ),
]


def made(name: str, params: Any, **hyper: Any) -> scratch.RuleOptimizer:
    return getattr(scratch, name)(params, **hyper)


def label(row: Any) -> str:
    """Return the name of a row in test ids."""
    return "-".join([row[0], *map(str, (row.given if isinstance(row, Reference) else row[1]).values())]).replace(" ", "")


def numbers(name: str) -> dict[str, list[Any]]:
    """Return 16 distinct values of each numeric hyperparameter of a rule."""
    parameters = inspect.signature(getattr(scratch, name)).parameters.items()
    defaults = {key: parameter.default for key, parameter in parameters if f"{name}.{key}" not in STATIC}
    numeric = {key: value for key, value in defaults.items() if _is_numeric(value)}
    return {key: RANGES.get(f"{name}.{key}") or [_around(value, k) for k in range(16)] for key, value in numeric.items()}


def _is_numeric(value: Any) -> bool:
    return isinstance(value, float | int | tuple) and not isinstance(value, bool)


def _around(default: Any, k: int) -> Any:
    if isinstance(default, tuple):
        return tuple(_around(each, (k + 5 * index) % 16) for index, each in enumerate(default))
    return 0.01 * k if default == 0 else default * (1 - 0.04 * k)


class Problem:
    """Gradients of a badly conditioned quadratic function of each weight, with noise that depends on the step alone."""

    def __init__(self, name: str, dtype: torch.dtype = torch.float64, noise: float = 0.1) -> None:
        self.generator = torch.Generator().manual_seed(0)
        shapes = [(4, 3), (3, 5)] if name == "Muon" else [(4, 3), (3,), (2, 3, 2), ()]
        self.start = [self._random(shape).to(dtype) for shape in shapes]
        self.target = [self._random(shape).to(dtype) for shape in shapes]
        self.curvature = [10 ** -self._random(shape).abs().to(dtype) for shape in shapes]
        self.noise, self.dtype = noise, dtype

    def _random(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def noises(self, step: int) -> list[Tensor]:
        """Return the noise that is added to the gradients of a step."""
        self.generator.manual_seed(1 + step)
        return [self.noise * self._random(tuple(weight.shape)).to(self.dtype) for weight in self.start]

    def gradients(self, weights: Sequence[Tensor], step: int) -> list[Tensor]:
        every = zip(weights, self.target, self.curvature, self.noises(step), strict=True)
        return [curvature * (weight.detach() - target) + noise for weight, target, curvature, noise in every]

    def loss(self, weights: Sequence[Tensor]) -> float:
        every = zip(weights, self.target, self.curvature, strict=True)
        return sum(float((0.5 * curvature * (weight.detach() - target) ** 2).sum()) for weight, target, curvature in every)

    def parameters(self) -> list[torch.nn.Parameter]:
        return [torch.nn.Parameter(weight.clone()) for weight in self.start]

    def descend(self, optimizer: torch.optim.Optimizer, params: list[torch.nn.Parameter], first: int, last: int) -> None:
        """Take the steps from `first` (included) to `last` (excluded)."""
        for step in range(first, last):
            for param, grad in zip(params, self.gradients(params, step), strict=True):
                param.grad = grad
            optimizer.step()
