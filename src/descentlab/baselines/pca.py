"""Principal components: the best linear autoencoder."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from sklearn.decomposition import PCA
from torch import Tensor

from descentlab.config.types import Count
from descentlab.data.loading.loader import Batch
from descentlab.tasks.base import Predict
from descentlab.tasks.reconstruction import Reconstruction

NEAREST = 1e-6  # to 0 and 1 that a pixel of which a logit is taken may be


@dataclass(frozen=True, kw_only=True)
class PrincipalComponents:
    """Inputs projected onto the directions in which training examples vary most: the least squared error of a linear code.

    Args:
        code_size: how many directions; as many as all there are, if it is more.
        likelihood: of the task; bernoulli: predictions are logits of the pixels, cut to lie in (0, 1).
    """

    suits: ClassVar = (Reconstruction,)
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
