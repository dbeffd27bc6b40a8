"""Reconstruction of the inputs, for autoencoders."""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss
from torchmetrics import MeanSquaredError, Metric
from torchmetrics.image import PeakSignalNoiseRatio

from descentlab.config.types import Positive
from descentlab.tasks.base import Batch, Predict, Scores, Task
from descentlab.tracking.images import drawable, png

SHOWN = 10
LOSSES = {"gaussian": mse_loss, "bernoulli": binary_cross_entropy_with_logits}


class Reconstruction(Task):
    """Task that compares outputs with the inputs, which have the same shape (batch, ...); targets are ignored.

    Args:
        likelihood: gaussian: outputs are pixels, the loss is their squared error; bernoulli: outputs are logits of pixels in
            [0, 1], the loss is their cross-entropy.
        peak: the difference of the largest and the smallest value of a pixel.
        task: arguments of Task.

    Raises:
        ValueError: if the likelihood is unknown, or is bernoulli and the pixels are not in [0, 1].
    """

    def __init__(self, likelihood: Literal["gaussian", "bernoulli"], peak: Positive, **task: Any) -> None:
        if likelihood not in LOSSES:
            raise ValueError(f"task.likelihood={likelihood}: it is gaussian or bernoulli")
        if likelihood == "bernoulli" and peak != 1:
            raise ValueError(f"task.likelihood=bernoulli is for pixels in [0, 1], and data.peak is {peak:g}")
        self.likelihood, self.peak = likelihood, peak
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the mean over pixels of (output - pixel)^2, or of -[x log sigmoid(z) + (1 - x) log(1 - sigmoid(z))].

        x is a pixel and z its logit.

        Raises:
            ValueError: if the shapes differ; broadcasting would compare each output with every pixel.
        """
        inputs = batch[0]
        outputs = predict(inputs)
        if outputs.shape != inputs.shape:
            raise ValueError(f"outputs have shape {tuple(outputs.shape)}, inputs {tuple(inputs.shape)}")
        return LOSSES[self.likelihood](outputs, inputs)

    def score(self, outputs: Tensor) -> Tensor:
        """Return pixels."""
        return outputs if self.likelihood == "gaussian" else outputs.sigmoid()

    def make_metrics(self) -> dict[str, Metric]:
        return {"mse": _MSE(), "psnr": PSNR(float(self.peak))}

    def evaluate(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        super().evaluate(scores, (batch[0], batch[0]), predict)

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return originals above their reconstructions; nothing if inputs are not images of 1 or 3 channels."""
        shown = drawable(batch[0], SHOWN)
        if not len(shown):
            return {}
        images = torch.cat([shown, self.score(self.model(shown))])
        low, high = shown.min(), shown.max()
        return {"reconstructions.png": png((images - low) / (high - low), len(shown))}


class _MSE(MeanSquaredError):
    """Mean squared error that also accepts non-contiguous tensors."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds.flatten(), target.flatten())


class PSNR(PeakSignalNoiseRatio):
    """10 log10(peak^2 / mean squared error), in decibels; infinite if the error is 0."""

    undefined = "every example of the {split} split is reproduced exactly: the ratio is infinite"
