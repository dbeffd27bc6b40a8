"""Principal components, the optimal linear autoencoder."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from sklearn.decomposition import PCA
from torch import Tensor

from descentlab.config.types import Count
from descentlab.data.loading.loader import Batch
from descentlab.tasks.base import Predict
from descentlab.tasks.reconstruction import Reconstruction

NEAREST = 1e-6  # smallest distance to 0 and 1 of a pixel before the logit


@dataclass(frozen=True, kw_only=True)
class PrincipalComponents:
    """Project onto the first principal components of the training split: the linear code with the smallest squared
    reconstruction error.

    Args:
        code_size: the number of components, >= 1; at most the number of examples or of values.
        likelihood: gaussian or bernoulli, as in the task; for bernoulli, predictions are logits of pixels clamped to (0, 1).
    """

    supported_tasks: ClassVar = (Reconstruction,)
    exact: ClassVar[bool] = False
    code_size: Count
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"

    def fit(self, train: Batch) -> Predict:
        rows = train[0].flatten(1).cpu().numpy()
        found = PCA(min(self.code_size, *rows.shape), svd_solver="covariance_eigh").fit(rows)
        mean, directions = torch.from_numpy(found.mean_), torch.from_numpy(found.components_)

        def predict(x: Tensor) -> Tensor:
            centred = x.flatten(1) - mean.to(x)
            pixels = (mean.to(x) + centred @ directions.to(x).T @ directions.to(x)).reshape(x.shape)
            return pixels if self.likelihood == "gaussian" else pixels.clamp(NEAREST, 1 - NEAREST).logit()

        return predict
