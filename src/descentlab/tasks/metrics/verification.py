"""Do two pictures show the same person? Judged on all pairs."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc, binary_eer
from torchmetrics.utilities import dim_zero_cat

from descentlab.tasks.metrics.undefined import no_value


class Verification(Metric):
    """`auroc`: the area under the receiver operating characteristic of the cosine; `eer`: the error where both kinds are equal.

    Undefined where there are no pairs of one person, or none of two.
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
        """Embeddings (batch, dimensions) of length 1, people (batch,)."""
        self.embeddings.append(embeddings)
        self.people.append(people)

    def compute(self) -> dict[str, Tensor]:
        cosines, same = pairs(dim_zero_cat(self.embeddings), dim_zero_cat(self.people))
        lacking = [kind for kind, there in (("one person", same.any()), ("two people", not same.all())) if not there]
        lacking = lacking if len(same) else ["strangers"]
        self.undefined = f"the {{split}} split has no pair of pictures of {' and none of '.join(lacking)}" if lacking else ""
        if lacking:
            return dict.fromkeys(("auroc", "eer"), no_value(self))
        likeness = ((cosines + 1) / 2).clamp(0, 1)
        return {"auroc": binary_auroc(likeness, same), "eer": binary_eer(likeness, same)}


def pairs(embeddings: Tensor, people: Tensor) -> tuple[Tensor, Tensor]:
    """The cosine of each pair of different rows, and 1 where both are of one person, else 0."""
    first, second = torch.triu_indices(len(people), len(people), 1, device=people.device)
    wide = embeddings.float()
    return (wide[first] * wide[second]).sum(1), (people[first] == people[second]).long()
