"""Eigenfaces (Turk and Pentland 1991): images as points in the space of their principal components."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn.functional import normalize

from descentlab.config.types import Count
from descentlab.data.loading.loader import Batch
from descentlab.tasks.base import Predict, Task
from descentlab.tasks.faces import Faces


@dataclass(frozen=True, kw_only=True)
class Eigenfaces:
    """Embed images by their first principal components, scaled to unit length.

    The score of a person is the largest cosine similarity to that person's training images.

    Args:
        dimensions: the number of components, equal to the dimensions of the task's embedding.
        whiten: scale the components to equal variance.
    """

    supported_tasks: ClassVar[Sequence[type[Task]]] = (Faces,)
    exact: ClassVar[bool] = False
    dimensions: Count
    whiten: bool = False

    def fit(self, train: Batch) -> Predict:
        images, people = (part.cpu() for part in train)
        components = PCA(self.dimensions, whiten=self.whiten, svd_solver="full").fit(images.flatten(1).double().numpy())
        seen = torch.arange(int(people.max()) + 1)[:, None] == people  # (people, rows)

        def embed(x: Tensor) -> Tensor:
            return normalize(torch.as_tensor(components.transform(x.cpu().flatten(1).double().numpy())), dim=1)

        gallery = embed(images)

        def predict(x: Tensor) -> Tensor:
            embedding = embed(x)
            cosines = torch.where(seen, (embedding @ gallery.T)[:, None], -1.0).amax(2)
            return torch.cat([embedding, cosines], 1).to(x)

        return predict
