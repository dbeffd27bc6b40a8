"""The auxiliary loss that keeps the normalizer of a softmax near 1."""

from torch import Tensor


def z_loss(logits: Tensor) -> Tensor:
    """Return the mean of (log Z)^2, Z = sum over classes of exp(logit), which is 0 where the logits are log-probabilities.

    Args:
        logits: (..., classes).

    Source: Chowdhery et al. (PaLM), arXiv:2204.02311, section 5, which adds 1e-4 times it to the cross-entropy.
    """
    return logits.logsumexp(-1).square().mean()
