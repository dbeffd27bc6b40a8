"""Next-token prediction: categorical cross-entropy at every step of a sequence."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric

from descentlab.config.types import Count, NonNegative
from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.losses.z_loss import z_loss
from descentlab.tasks.metrics.scores import MeanLoss, Scores

PROMPT = 64  # tokens
TEXT = 500  # number of characters to sample; also the largest number of tokens
TEMPERATURE = 0.8
SEED = 0


class Perplexity(MeanLoss):
    """exp of the mean loss over all tokens; infinite if it exceeds the largest 64-bit number."""

    def compute(self) -> Tensor:
        mean = super().compute()
        self.undefined = self.undefined or f"exp of the mean loss on the {{split}} split, {float(mean):.4g}, is infinite"
        return mean.exp()


class BitsPerCharacter(MeanLoss):
    """The mean loss in bits over all tokens, which are characters."""

    def compute(self) -> Tensor:
        return super().compute() / math.log(2)


class LanguageModeling(Task):
    """Task that compares logits (batch, steps, vocabulary) with next tokens (batch, steps); all sequences are equally long.

    Args:
        unit: character or token, the meaning of an id; bits per character are reported for characters.
        length: the length of a sequence, in tokens.
        z_loss: the weight of the auxiliary loss `z_loss`, >= 0, which is trained, but not part of reported losses of a split.
        task: arguments of Task.
    """

    def __init__(self, unit: str, length: Count, z_loss: NonNegative = 0.0, **task: Any) -> None:
        self.unit, self.tokens, self.z_weight = unit, length, z_loss
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return -log softmax(logits)[next token] in nats, plus the weighted auxiliary loss, each a mean over tokens."""
        inputs, following = batch
        logits = predict(inputs).flatten(0, 1)
        if not self.z_weight:
            return cross_entropy(logits, following.long().flatten())
        return cross_entropy(logits, following.long().flatten()) + self.z_weight * z_loss(logits)

    def reported_loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the loss without the auxiliary loss."""
        inputs, following = batch
        return cross_entropy(predict(inputs).flatten(0, 1), following.long().flatten())

    def make_metrics(self) -> dict[str, Metric]:
        bits = {"bits_per_character": BitsPerCharacter()} if self.unit == "character" else {}
        return {"perplexity": Perplexity(), **bits}

    def evaluate(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        loss, examples = self.reported_loss(predict, batch), len(batch[0])
        scores.loss.update(loss, examples)
        scores.metrics.update(loss, examples)

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return sample.txt: a continuation of the first tokens of the test split, sampled with a fixed seed."""
        data: Any = self.data  # it decodes ids
        prompt = data.splits.test[0][0, :PROMPT].tolist()  # the same in all processes
        words, drawn = data.decode(prompt), torch.Generator().manual_seed(SEED)
        ids: list[int] = []
        while len(ids) < TEXT and len(data.decode(ids)) < TEXT:
            seen = torch.tensor([[*prompt, *ids][-self.tokens :]], device=batch[0].device)
            logits = self.model(seen)[0, -1].double().cpu()
            ids.append(int(torch.multinomial((logits / TEMPERATURE).softmax(0), 1, generator=drawn)))
        head = f"After the first {len(prompt)} {self.unit}s of the test split, at temperature {TEMPERATURE}:"
        return {"sample.txt": f"{head}\n\n{words}|{data.decode(ids)}\n"}
