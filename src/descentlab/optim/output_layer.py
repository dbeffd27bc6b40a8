"""The output layer of a model, whose gradients adaptive clipping leaves unchanged."""

from __future__ import annotations

from torch import nn

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)


def output_layer_names(model: nn.Module) -> frozenset[str]:
    """Return the names of the parameters of a model's output layer; empty if it has none.

    It is the last dense or convolutional layer in the order of definition, of the attribute `head` if the model has one. A
    model whose `head` is None (a GPT with tied embeddings) has no separate output layer, and neither has a model with a
    single matrix of weights.
    """
    layers = [name for name, module in model.named_modules() if isinstance(module, LAYERS)]
    if not layers or getattr(model, "head", model) is None:
        return frozenset()
    last = next((name for name in reversed(layers) if name.partition(".")[0] == "head"), layers[-1])
    matrices = [name for name, parameter in model.named_parameters() if parameter.dim() > 1]
    own = [name for name, _ in model.named_parameters() if name.rpartition(".")[0] == last]
    return frozenset(own if len(matrices) > 1 else [])
