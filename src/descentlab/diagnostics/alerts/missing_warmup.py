"""A transformer with norms after the residual sum that is trained without warm-up."""

from __future__ import annotations

from descentlab.config.types import PositiveFraction, PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.rows import Unseen, mean_loss

WINDOW = 5  # rows


class MissingWarmup:
    """Reports a post-normalization transformer whose loss hardly falls, if its learning rate has no warm-up.

    Args:
        fall: a decrease of the loss below this fraction of the initial loss counts as hardly any.
        share: the part of the planned steps after which the loss is compared with the initial one.

    Source: Xiong et al. (2020), arXiv:2002.04745, sections 3.2 and 3.3.
    """

    name = "missing_warmup"

    def __init__(self, fall: PositiveFraction = 0.25, share: PositiveShare = 0.2) -> None:
        self.fall, self.share, self.unseen = fall, share, Unseen()

    def check(self, history: History) -> Alert | None:
        loss, total = history.initial_loss, history.total
        if history.setting("model.norm_position") != "post" or history.setting("schedule.warmup") or total is None:
            return None
        for index, row in self.unseen.of(history.train):
            if loss is None or row["step"] < self.share * total:
                continue
            if (mean := mean_loss(history.train[max(0, index + 1 - WINDOW) : index + 1])) > loss - self.fall * abs(loss):
                message = f"post-normalization without warm-up: the training loss went from {loss:.3g} to {mean:.3g} only"
                return Alert(self.name, 0, message, None, history.fixes("schedule.warmup=0.1", "model.norm_position=pre"))
        return None
