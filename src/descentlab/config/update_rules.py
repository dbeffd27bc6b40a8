"""The update rule in descentlab.rules that gives the same update as an optimizer's config node.

Imports neither torch nor the optimizers: their defaults are listed here, and tests compare them with the imported classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from descentlab.errors import format_value

Hyper = dict[str, Any]

# Arguments that select among kernels of the same update.
KERNELS = ("foreach", "fused", "capturable")
# Hyperparameters that are numbers but determine the computation: the runs of a fused group must agree on them.
STATIC = ("ns_steps", "ns_coefficients")

_ADAM: Hyper = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
_TORCH_FLAGS: Hyper = {"maximize": False, "differentiable": False}

# The modules of descentlab.rules, by the name of their class in descentlab.optim.scratch.
SCRATCH: Mapping[str, str] = {
    "GradientDescent": "gradient_descent",
    "Momentum": "momentum",
    "Nesterov": "nesterov",
    "AdaGrad": "adagrad",
    "RMSProp": "rmsprop",
    "AdaDelta": "adadelta",
    "Adam": "adam",
    "AMSGrad": "amsgrad",
    "AdamW": "adamw",
    "Adamax": "adamax",
    "NAdam": "nadam",
    "RAdam": "radam",
    "Lion": "lion",
    "SignSGD": "signsgd",
    "Adafactor": "adafactor",
    "Muon": "muon",
    "ScheduleFreeSGD": "schedule_free_sgd",
    "ScheduleFreeAdamW": "schedule_free_adamw",
}


@dataclass(frozen=True)
class UpdateRule:
    """A rule with the values of its hyperparameters.

    Attributes:
        name: the module in descentlab.rules.
        hyper: the keyword arguments of its `update`; for classes of descentlab.optim.scratch only those that the node sets.
    """

    name: str
    hyper: Hyper

    @property
    def static(self) -> Hyper:
        """The hyperparameters that determine the computation: booleans, names, None, and those in STATIC."""
        plain = (bool, str, type(None))
        return {key: value for key, value in self.hyper.items() if key in STATIC or isinstance(value, plain)}


@dataclass(frozen=True)
class Library:
    """An optimizer class of a library.

    Attributes:
        defaults: the hyperparameters that its rule has, and their defaults.
        required: the arguments that must have these values, their defaults, for the update to be that of the rule.
        choose: defaults with the values of a node -> the rule; None: no rule has this combination.
    """

    defaults: Hyper
    choose: Callable[[Hyper], UpdateRule | None]
    required: Hyper


def update_rule(node: Mapping[str, Any]) -> UpdateRule | str:
    """Return the rule that gives the same update as the optimizer of a resolved config node, or the reason why there is none.

    Args:
        node: the node `optimizer` or `auxiliary`; its arguments that only select a kernel are ignored.
    """
    target = str(node["_target_"])
    module, _, name = target.rpartition(".")
    given = {key: _plain(value) for key, value in node.items() if key not in ("_target_", "_partial_")}
    if module == "descentlab.optim.scratch" and name in SCRATCH:
        return UpdateRule(SCRATCH[name], given)
    library = LIBRARIES.get(target)
    if library is None:
        return f"{target} has no update rule in descentlab.rules"
    given = {key: value for key, value in given.items() if key not in KERNELS}
    for key, value in given.items():
        if key in library.required and value != library.required[key]:
            return f"{key}={format_value(value)} has no update rule in descentlab.rules"
        if key not in {**library.required, **library.defaults}:
            return f"{key} of {target} has no counterpart in descentlab.rules"
    hyper = {key: given.get(key, value) for key, value in library.defaults.items()}
    return library.choose(hyper) or f"this combination of settings of {target} has no update rule in descentlab.rules"


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _same(rule: str, **constant: Any) -> Callable[[Hyper], UpdateRule]:
    """Return a function that gives the rule all hyperparameters, and those in `constant`."""
    return lambda hyper: UpdateRule(rule, {**hyper, **constant})


def _without(hyper: Hyper, *keys: str) -> Hyper:
    return {key: value for key, value in hyper.items() if key not in keys}


def _sgd(hyper: Hyper) -> UpdateRule | None:
    if not hyper["momentum"]:
        return UpdateRule("gradient_descent", _without(hyper, "momentum", "dampening", "nesterov"))
    if not hyper["nesterov"]:
        return UpdateRule("momentum", _without(hyper, "nesterov"))
    return None if hyper["dampening"] else UpdateRule("nesterov", _without(hyper, "dampening", "nesterov"))


def _adam(hyper: Hyper) -> UpdateRule | None:
    shared = _without(hyper, "amsgrad", "decoupled_weight_decay")
    if hyper["amsgrad"]:  # the rule has no decoupled decay
        return None if hyper["decoupled_weight_decay"] and hyper["weight_decay"] else UpdateRule("amsgrad", shared)
    if hyper["decoupled_weight_decay"]:
        return UpdateRule("adamw", {**shared, "decay": "decoupled"})
    return UpdateRule("adam", shared)


def _adamw(hyper: Hyper) -> UpdateRule | None:
    shared = _without(hyper, "amsgrad")
    if hyper["amsgrad"]:
        return None if hyper["weight_decay"] else UpdateRule("amsgrad", shared)
    return UpdateRule("adamw", {**shared, "decay": "decoupled"})


def _torch(defaults: Hyper, choose: Callable[[Hyper], UpdateRule | None]) -> Library:
    return Library(defaults, choose, _TORCH_FLAGS)


_DECOUPLED: Hyper = {"decoupled_weight_decay": False}
_SCHEDULE_FREE: Hyper = {"weight_decay": 0.0, "warmup_steps": 0, "r": 0.0, "weight_lr_power": 2.0}
_ADAFACTOR: Hyper = {"lr": 1e-2, "beta2_decay": -0.8, "eps": (None, 1e-3), "d": 1.0, "weight_decay": 0.0}
_ADAGRAD: Hyper = {"lr": 1e-2, "lr_decay": 0.0, "weight_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10}
_MUON: Hyper = {
    **{"lr": 1e-3, "weight_decay": 0.1, "momentum": 0.95, "nesterov": True, "ns_coefficients": (3.4445, -4.775, 2.0315)},
    **{"eps": 1e-7, "ns_steps": 5, "adjust_lr_fn": None},
}
_RMSPROP: Hyper = {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False}
_SGD: Hyper = {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}

LIBRARIES: Mapping[str, Library] = {
    "torch.optim.SGD": _torch(_SGD, _sgd),
    "torch.optim.Adam": _torch({**_ADAM, "amsgrad": False, **_DECOUPLED}, _adam),
    "torch.optim.AdamW": _torch({**_ADAM, "weight_decay": 1e-2, "amsgrad": False}, _adamw),
    "torch.optim.Adamax": _torch({**_ADAM, "lr": 2e-3}, _same("adamax")),
    "torch.optim.NAdam": _torch({**_ADAM, "lr": 2e-3, "momentum_decay": 4e-3, **_DECOUPLED}, _same("nadam")),
    "torch.optim.RAdam": _torch({**_ADAM, **_DECOUPLED}, _same("radam")),
    "torch.optim.RMSprop": _torch(_RMSPROP, _same("rmsprop")),
    "torch.optim.Adagrad": _torch(_ADAGRAD, _same("adagrad")),
    "torch.optim.Adadelta": _torch({"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0}, _same("adadelta")),
    "torch.optim.Adafactor": Library(_ADAFACTOR, _same("adafactor"), {"maximize": False}),
    "torch.optim.Muon": Library(_MUON, _same("muon", ns_dtype="bfloat16"), {}),
    "pytorch_optimizer.Lion": Library(
        {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0},
        _same("lion"),
        {
            "weight_decouple": True,
            "fixed_decay": False,
            "maximize": False,
            "use_gc": False,
            "adanorm": False,
            "cautious": False,
        },
    ),
    "schedulefree.SGDScheduleFree": Library({"lr": 1.0, "momentum": 0.9, **_SCHEDULE_FREE}, _same("schedule_free_sgd"), {}),
    "schedulefree.AdamWScheduleFree": Library({**_ADAM, "lr": 2.5e-3, **_SCHEDULE_FREE}, _same("schedule_free_adamw"), {}),
}
