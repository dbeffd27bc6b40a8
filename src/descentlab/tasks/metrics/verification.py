"""Metrics of face verification, the decision if two images show the same person, over all pairs."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc, binary_eer
from torchmetrics.utilities import dim_zero_cat

from descentlab.tasks.metrics.undefined import no_value


class Verification(Metric):
    """`auroc`: the area under the receiver operating characteristic of the cosine; `eer`: the equal error rate.

    Undefined if there is no pair of one person, or none of two people.
    """

    undefined: str = ""
    full_state_update = False
    embeddings: list[Tensor]
    people: list[Tensor]

    def __init__(self, **metric: Any) -> None:
        super().__init__(**metric)
        self.add_state("embeddings", [], dist_reduce_fx="cat")
        self.add_state("people", [], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, people: Tensor) -> None:
        """Add embeddings (batch, dimensions) of length 1, and people (batch,)."""
        self.embeddings.append(embeddings)
        self.people.append(people)

    def compute(self) -> dict[str, Tensor]:
        cosines, same = pairs(dim_zero_cat(self.embeddings), dim_zero_cat(self.people))
        lacking = [kind for kind, there in (("one person", same.any()), ("two people", not same.all())) if not there]
        lacking = lacking if len(same) else ["strangers"]
        self.undefined = f"the {{split}} split has no pair of images of {' and none of '.join(lacking)}" if lacking else ""
        if lacking:
            return dict.fromkeys(("auroc", "eer"), no_value(self))
        similarity = ((cosines + 1) / 2).clamp(0, 1)
        return {"auroc": binary_auroc(similarity, same), "eer": binary_eer(similarity, same)}


def pairs(embeddings: Tensor, people: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosine of each pair of different rows, and 1 if both are of one person, else 0."""
    first, second = torch.triu_indices(len(people), len(people), 1, device=people.device)
    wide = embeddings.float()
    return (wide[first] * wide[second]).sum(1), (people[first] == people[second]).long()
