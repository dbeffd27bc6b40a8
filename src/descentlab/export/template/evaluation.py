"""Evaluation of a split in an exported script."""

from __future__ import annotations

import math

import torch
from torch import nn

from descentlab.data.loading.loader import Batch
from descentlab.export.template.run_parts import loss, metrics, score
from descentlab.export.template.settings import DIVERGED, EVAL_BATCH, KEEP_OUTPUTS, SCORED


@torch.no_grad()
def evaluate(model: nn.Module, split: Batch) -> dict[str, float]:
    """Return the mean loss of the examples of a split, and its metrics, by name."""
    model.eval()
    total, outputs = 0.0, []
    for start in range(0, len(split[0]), EVAL_BATCH):
        batch = tuple(tensor[start : start + EVAL_BATCH] for tensor in split)
        found = model(batch[0])
        total += float(loss(lambda _, found=found: found, batch)) * len(batch[0])
        if KEEP_OUTPUTS:
            outputs.append(score(found) if SCORED else found)
    model.train()
    mean = total / len(split[0])
    if DIVERGED and math.isnan(mean):
        return {"loss": mean}
    return {"loss": mean, **metrics(mean, outputs, split)}


def report(step: int, split: str, values: dict[str, float]) -> None:
    """Print values of a step by name, with the digits of a 32-bit number."""
    print(f"step={step}", *(f"{split}/{name}={value:.9g}" for name, value in values.items()), flush=True)
