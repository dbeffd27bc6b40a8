"""The mean loss and the metrics of a split, and the reasons of those that are undefined."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from descentlab.tasks.metrics.undefined import NO_EXAMPLE, agree_on_states, computed


class MeanLoss(Metric):
    """The mean of losses weighted by their numbers of examples; NaN if one of them is NaN, or if there is no example."""

    undefined: str = ""
    total: Tensor
    examples: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("examples", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, loss: Tensor, examples: int) -> None:
        if not examples:  # an empty mean is NaN, and would remain in the sum
            return
        wide = torch.float32 if loss.device.type == "mps" else torch.float64  # independent of the precision of training
        self.total = self.total.to(wide) + loss.detach().to(wide) * examples
        self.examples += examples

    def compute(self) -> Tensor:
        self.undefined = "" if self.examples else NO_EXAMPLE + " that has a loss"
        return self.total / self.examples


class Scores(nn.Module):
    """The mean loss and the metrics of one split, over all processes.

    Args:
        metrics: by name. One that is undefined computes NaN and gives the reason: see descentlab.tasks.metrics.undefined.
        split: its name in a reason.

    Attributes:
        undefined: name -> reason of each value of the last `collect` that is not finite: a metric, or a loss without examples.
    """

    def __init__(self, metrics: dict[str, Metric], split: str) -> None:
        super().__init__()
        self.loss, self.split = MeanLoss(), split
        self.metrics = MetricCollection(dict(metrics), compute_groups=False)  # True infers groups from the first batch
        self.undefined: dict[str, str] = {}

    def collect(self, prefix: str, split: str = "") -> dict[str, Tensor]:
        """Return the values since the last call, by name, and set `undefined`. Collective: every process must call it.

        If the loss is NaN, all metrics are NaN, since they cannot be computed from outputs that are NaN.

        Args:
            prefix: prefix of each name.
            split: the name of the split in reasons, if it differs from that of these scores.
        """
        metrics = dict(self.metrics.items())
        agree_on_states([self.loss, *metrics.values()])
        loss = computed("loss", self.loss)[0]["loss"]
        lost = f"the loss on the {{split}} split is {float(loss):g}" if loss.isnan() and not self.loss.undefined else ""
        values, reasons = {"loss": loss}, {"loss": self.loss.undefined} if self.loss.undefined else {}
        for name, metric in metrics.items():
            found, reason = computed(name, metric)
            values |= {key: torch.full_like(value, torch.nan) if lost else value for key, value in found.items()}
            reasons |= {key: lost or reason for key in found if not values[key].isfinite()}
        self.undefined = {name: reason.replace("{split}", split or self.split) for name, reason in reasons.items()}
        self.reset()
        return {prefix + name: value for name, value in values.items()}

    def reset(self) -> None:
        """Discard the examples since the last `collect`."""
        self.loss.reset()
        self.metrics.reset()
