"""The negative evidence lower bound: variational autoencoders (Kingma and Welling, arXiv:1312.6114)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics import MeanMetric, MeanSquaredError, Metric

from descentlab.tasks.base import Batch, Predict, Scores, Task
from descentlab.tracking.images import drawable, png

SHOWN = 10
Outputs = tuple[Tensor, Tensor, Tensor]  # logits of pixels, and mean and log-variance of the code


class ELBO(Task):
    """Task that compares outputs of a variational autoencoder with its inputs, images (batch, ...) with pixels in [0, 1].

    Args:
        task: arguments of Task. As models/vae.py, the model draws the code and returns logits, means and log-variances.
    """

    def loss(self, predict: Any, batch: Batch) -> Tensor:
        """Return the negative of eq. 10 with one draw: cross-entropy of pixels + KL, in nats, averaged over examples."""
        logits, mean, log_variance = predict(batch[0])
        return (cross_entropy(logits, batch[0]) + divergence(mean, log_variance)).mean()

    def score(self, outputs: Any) -> Any:
        return outputs

    def make_metrics(self) -> dict[str, Metric]:
        return {"reconstruction": _CrossEntropy(), "kl": _Divergence(), "mse": _MSE()}

    def evaluate(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        super().evaluate(scores, (batch[0], batch[0]), predict)

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return originals above their reconstructions, and decoded draws from the prior; nothing if inputs are not images."""
        shown = drawable(batch[0], SHOWN)
        if not len(shown):
            return {}
        logits, mean, _ = self.model(shown)
        drawn = torch.randn(4 * SHOWN, mean.shape[1], generator=torch.Generator().manual_seed(0)).to(mean)
        decode: Any = self.model.decode
        return {
            "reconstructions.png": png(torch.cat([shown, logits.sigmoid()]), len(shown)),
            "samples.png": png(decode(drawn).sigmoid(), SHOWN),
        }


def cross_entropy(logits: Tensor, pixels: Tensor) -> Tensor:
    """Return -log p(x|z) of a Bernoulli (appendix C.1), summed over the pixels of an example, (batch,)."""
    return binary_cross_entropy_with_logits(logits, pixels, reduction="none").flatten(1).sum(1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, 1)) (appendix B), summed over the values of a code, (batch,)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


class _CrossEntropy(MeanMetric):
    """Reconstruction cross-entropy given the sampled latent code, in nats per example."""

    def update(self, outputs: Outputs, inputs: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().update(cross_entropy(outputs[0], inputs))


class _Divergence(MeanMetric):
    """KL divergence, in nats per example."""

    def update(self, outputs: Outputs, inputs: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().update(divergence(*outputs[1:]))


class _MSE(MeanSquaredError):
    """Mean squared error of pixels, given the sampled latent code."""

    def update(self, outputs: Outputs, inputs: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().update(outputs[0].sigmoid().flatten(), inputs.flatten())
