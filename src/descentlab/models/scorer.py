"""A score for each document of a list, from its own features."""

from typing import Annotated, Any

from torch import Tensor, nn

from descentlab.config.types import KeywordsOf
from descentlab.errors import UsageError
from descentlab.models.mlp import MLP


class Scorer(nn.Module):
    """x (queries, documents, num_features) -> (queries, documents); the same MLP for every document.

    Args:
        num_features: number of features of a document, >= 1.
        mlp: settings of the MLP; hidden=[] is a linear scorer.

    Raises:
        UsageError: if norm is batch, whose statistics would include padding.
    """

    def __init__(self, num_features: int, **mlp: Annotated[Any, KeywordsOf(MLP)]) -> None:
        super().__init__()
        if mlp.get("norm") == "batch":
            raise UsageError("model.norm=batch would include padding in its statistics: use norm=layer")
        self.mlp = MLP(num_features, 1, **mlp)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x.flatten(0, -2)).view(x.shape[:-1])
