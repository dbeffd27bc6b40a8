"""Initial weights from another run: start_from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from descentlab.errors import UsageError
from descentlab.store.start_from import snapshot


def set_initial_weights(config: Mapping[str, Any], model: nn.Module) -> None:
    """Set the weights and buffers of `model` to those that `start_from` names, if it does.

    Raises:
        UsageError: they are those of another model.
    """
    node = config.get("start_from") or {"run": None}
    if node["run"] is None:
        return
    try:
        model.load_state_dict(torch.load(snapshot(node), map_location="cpu", weights_only=True))
    except RuntimeError as error:
        raise UsageError(f"start_from.run={node['run']} has weights of another model: {error}") from error
