"""Config keys that were added after the first release, with the values that mean what configs without them mean.

At such a value a key is left out of a run's id, so that the ids of earlier runs do not change; and the report reads an earlier
config as if it had the key. A key that is new in conf/train.yaml, or in the YAML file of a class, has an entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Dotted key -> its default. A whole node may be one entry.
LATER_KEYS: Mapping[str, Any] = {
    "branch": {"step": None, "data_seed": None},
    "callbacks": {},
    "clip.adaptive": None,
    "noise": {"std": None, "decay": 0.55},
    "half_life": {"momentum": None, "second_moment": None, "average": None},
    "orthogonal_gradient": None,
    "project": None,
    "start_from": {"run": None, "step": None},
    "stop.plateau": None,
    "stop.window": 100,
    "stop.grad_norm": None,
    "stop.gap": None,
}
_CNN: Mapping[str, Any] = {"activation": "relu", "init": "default"}
_IDX: Mapping[str, Any] = {"size": 28, "pixels": "unit", "label_noise": 0.0}
# The name of a class, wherever a node names it by _target_ -> its later arguments with their defaults.
LATER_ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "descentlab.data.digits.Digits": {"components": None, "example_norm": None, "label_noise": 0.0},
    "descentlab.data.fashion_mnist.FashionMNIST": _IDX,
    "descentlab.data.mnist.MNIST": _IDX,
    "descentlab.data.temporal_order.TemporalOrder": {"distractors": 4},
    "descentlab.models.all_cnn_c.AllCNNC": {**_CNN, "norm": "none", "residual": False},
    "descentlab.models.cnn_2c2d.CNN2c2d": {**_CNN, "norm": "none", "dropout": 0.0, "residual": False},
    "descentlab.models.cnn_3c3d.CNN3c3d": {**_CNN, "norm": "none", "dropout": 0.0, "residual": False},
    "descentlab.models.gpt.GPT": {
        "norm": "layer",
        "norm_position": "pre",
        "activation": "gelu",
        "init": "default",
        "residual": True,
        "embedding_std": 0.02,
        "output_scale": 1.0,
    },
    "descentlab.models.linear.Linear": {"bias": True},
    "descentlab.models.mlp.MLP": {
        "bias": True,
        "weight_norm": "none",
        "parametrization": "standard",
        "base_width": 64,
        "output_scale": 1.0,
    },
    "descentlab.models.point.Point": {"start": None},
    "descentlab.models.recurrent.Recurrent": {"init": "default"},
    "descentlab.models.resnet.ResNet": {**_CNN, "dropout": 0.0, "residual": True},
    "descentlab.models.torchvision_net.TorchvisionNet": {"init": "default"},
    "descentlab.models.wide_resnet.WideResNet": {**_CNN, "norm": "batch", "residual": True},
    "descentlab.tasks.classification.Classification": {
        "z_loss": 0.0,
        "error": "cross_entropy",
        "class_weights": None,
        "loss_dtype": None,
    },
    "descentlab.optim.scratch.Adam": {"bias_correction": True, "second_moment_init": "zeros"},
    "descentlab.tasks.language_modeling.LanguageModeling": {"z_loss": 0.0},
}


def without_later_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved config without each later key that has its default."""
    found = {key: _without(value, _arguments(value)) if isinstance(value, Mapping) else value for key, value in config.items()}
    for dotted, default in LATER_KEYS.items():
        node, _, key = dotted.rpartition(".")
        if not node and (found.get(key) or default) == default:
            found.pop(key, None)
        elif node in found:
            found[node] = _without(found[node], {key: default})
    return found


def with_later_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved config in which each later key that it lacks has its default."""
    found = {key: {**_arguments(value), **value} if isinstance(value, Mapping) else value for key, value in config.items()}
    for dotted, default in LATER_KEYS.items():
        node, _, key = dotted.rpartition(".")
        if not node:
            found.setdefault(key, default)
        elif isinstance(found.get(node), Mapping):
            found[node] = {key: default, **found[node]}
    return found


def _arguments(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the later arguments of the class that `node` names."""
    return LATER_ARGUMENTS.get(str(node.get("_target_")), {})


def _without(node: Any, defaults: Mapping[str, Any]) -> Any:
    """Return `node` without the keys that have their value in `defaults`."""
    if not isinstance(node, Mapping):
        return node
    return {key: value for key, value in node.items() if key not in defaults or value != defaults[key]}
