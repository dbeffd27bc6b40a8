"""A score for each document of a list, from its own features."""

from typing import Annotated, Any

from torch import Tensor, nn

from descentlab.config.types import KeywordsOf
from descentlab.errors import UsageError
from descentlab.models.mlp import MLP


class Scorer(nn.Module):
    """x (queries, documents, num_features) -> (queries, documents); the same mlp for every document.

    Args:
        mlp: see MLP; hidden=[] is a linear scorer.

    Raises:
        UsageError: norm is batch, whose statistics would be those of padding, too.
    """

    def __init__(self, num_features: int, **mlp: Annotated[Any, KeywordsOf(MLP)]) -> None:
        super().__init__()
        if mlp.get("norm") == "batch":
            raise UsageError("model.norm=batch would take padding for documents: use norm=layer")
        self.mlp = MLP(num_features, 1, **mlp)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x.flatten(0, -2)).view(x.shape[:-1])
