"""The exact optimum of linear regression as a baseline."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import linear

from descentlab.config.types import NonNegative
from descentlab.data.loading.loader import Batch
from descentlab.rules import closed_form
from descentlab.tasks.base import Predict
from descentlab.tasks.regression import Regression


@dataclass(frozen=True, kw_only=True)
class LinearRegression:
    """The exact minimum of the mean squared error of a linear model (descentlab.rules.closed_form).

    Args:
        method: normal_equation, least_squares or ridge.
        weight_decay: the coefficient of ridge, >= 0, as in torch.optim.SGD.
    """

    supported_tasks: ClassVar = (Regression,)
    exact: ClassVar[bool] = True
    method: Literal["normal_equation", "least_squares", "ridge"] = "normal_equation"
    weight_decay: NonNegative = 0.0

    def fit(self, train: Batch) -> Predict:
        solve: Callable[..., tuple[Tensor, Tensor]] = getattr(closed_form, self.method)
        extra = {"weight_decay": self.weight_decay} if self.method == "ridge" else {}
        weight, bias = solve(*train, **extra)
        return lambda x: linear(x.flatten(1), weight.to(x), bias.to(x))
