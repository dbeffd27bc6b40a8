"""What every task is: a model with one loss and its metrics, trained step by step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import lightning as L
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.optim import Optimizer
from torchmetrics import Metric

from descentlab.compat import is_compiled
from descentlab.data.loading.loader import Chunk, StepLoader
from descentlab.errors import UsageError
from descentlab.optim.evaluation import RECALIBRATION
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step, backward_through, hands_through
from descentlab.parallel import weights
from descentlab.tasks.metrics.scores import Scores

Batch = tuple[Tensor, ...]
Predict = Callable[[Tensor], Tensor]


@dataclass
class Steps:
    """What a chunk of steps did: the global loss of each, the gradients evaluated before it, and what was measured at some."""

    first: int
    losses: list[float]
    evaluations: list[int]
    measured: dict[int, dict[str, float]]  # step -> learning rates and norms by name

    def cut(self, size: int) -> None:
        """Forget all but the first `size` steps."""
        del self.losses[size:], self.evaluations[size:]


class Task(L.LightningModule):
    """A LightningModule that owns a loss. Subclasses give `loss` and `make_metrics`.

    Args:
        model: inputs -> outputs; knows nothing of losses.
        recipe: how it is trained.
        monitor: the metric that runs are selected by on the validation split, and `mode` whether its min or max is best.
        total_steps: of the run, where the budget tells.
        measure_every: steps between measurements of the gradient norm.
    """

    one_pass = True  # whether a batch is evaluated by one forward pass, the same in all processes
    tokens = 0  # in an example, where it is a sequence whose tokens are counted

    @property
    def plain(self) -> bool:
        """Whether the loss is the plain one that descentlab.rules.backprop writes out, where it writes out any."""
        return True

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        monitor: str,
        mode: Literal["min", "max"],
        total_steps: int | None = None,
        measure_every: int = 10,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.recipe = model, recipe
        self.monitor, self.mode = monitor, mode
        self.total_steps, self.measure_every = total_steps, measure_every
        self.valid, self.test = Scores(self.make_metrics(), "validation"), Scores(self.make_metrics(), "test")

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """The mean loss per example, a scalar. `predict` is any callable from inputs to outputs."""
        raise NotImplementedError

    def make_metrics(self) -> dict[str, Metric]:
        """The validation and test metrics by name, each updated with (outputs as `score` gives them, targets).

        A metric that is undefined on a split computes NaN and gives the reason: see descentlab.tasks.metrics.undefined.
        """
        return {}

    def score(self, outputs: Tensor) -> Tensor:
        """What metrics compare with targets, from the model's outputs."""
        return outputs

    def watched(self) -> dict[str, Tensor]:
        """Scalars of the model as it is, by name, that go into the curves beside the norms. None by default."""
        return {}

    def exhibits(self, batch: Batch) -> dict[str, bytes | str]:
        """What a person may look at of the model as it is, by file name: pictures (.png), texts (.txt),
        and what a panel of the report draws from (.json). None by default.

        Args:
            batch: the first of the test split, on the model's device.
        """
        return {}

    def configure_model(self) -> None:
        if isinstance(self.trainer.strategy, ModelParallelStrategy) and not weights.sharded(self.model):
            weights.shard(self.model, self.trainer.strategy.device_mesh["data_parallel"])

    def configure_optimizers(self) -> Optimizer:
        return self.recipe.make(self.model, self.total_steps)

    def on_fit_start(self) -> None:
        if self.global_rank:  # all processes drew the same weights; dropout differs
            torch.manual_seed(torch.initial_seed() + self.global_rank)
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        backward: Callable[..., None] = self.manual_backward
        if hands_through(self.trainer):
            backward, optimizer = partial(backward_through, self.trainer.strategy), optimizer.optimizer
        if self.recipe.needs.graph:
            backward = partial(backward, create_graph=True)
        around = (
            self.recipe,
            self.total_steps,
            self._mean,
            self._scale,
            partial(weights.unaveraged, self.trainer.strategy.model),
        )
        self.step = Step(self.model, self._own_loss, backward, optimizer, *around)

    def on_train_start(self) -> None:  # before the clock runs
        loader: StepLoader = self.trainer.datamodule.loader  # pyright: ignore[reportAttributeAccessIssue]
        self.check_batches(loader)
        if is_compiled(self.model):
            for step in ends_of_an_epoch(loader):
                self.step.warm_up(loader.parts(step))

    def check_batches(self, loader: StepLoader) -> None:
        """Check that the model can be trained on the batches that `loader` cuts.

        Raises:
            UsageError: batch normalisation would see a single example.
        """
        normalised = any(isinstance(module, nn.BatchNorm1d) for module in self.model.modules())
        if normalised and 1 in (len(rows) for step in ends_of_an_epoch(loader) for rows, _ in loader.pieces(step)):
            raise UsageError(
                "batch normalisation would get a single example, as the last of an epoch or of a microbatch: choose another "
                "batch_size or microbatch, or data.drop_last=true"
            )

    def _mean(self, loss: Tensor) -> Tensor:
        """The mean of `loss` over processes."""
        mean = self.trainer.strategy.reduce(loss, reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean

    def _scale(self) -> float:
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        return 1.0 if scaler is None else scaler.get_scale()

    def validated(self) -> dict[str, float]:
        """The last validation's metrics by name, without "valid/"."""
        metrics = self.trainer.callback_metrics.items()
        return {name.removeprefix("valid/"): float(value) for name, value in metrics if name.startswith("valid/")}

    def _own_loss(self, batch: Batch) -> Tensor:
        return self.loss(self.model, batch)

    def training_step(self, chunk: Chunk, index: int) -> dict[str, Steps]:
        first, losses, evaluations = self.step.count, [], []
        measured: dict[int, dict[str, Tensor | float]] = {}
        for step, parts in enumerate(chunk, first):
            wanted = step % self.measure_every == 0
            evaluations.append(self.step.evaluations)
            losses.append(self.step(parts, measure=wanted))
            if wanted:
                measured[step] = {**self.step.values.lrs, **self.step.measured, **self.watched()}
        mean = self._mean(torch.stack(losses))
        numbers = {step: {name: float(value) for name, value in values.items()} for step, values in measured.items()}
        return {"steps": Steps(first, mean.tolist(), evaluations, numbers)}

    def on_validation_start(self) -> None:
        loader = getattr(self.trainer.datamodule, "loader", None)  # pyright: ignore[reportAttributeAccessIssue]
        needed = self.step.evaluation_weights.needs_batches()
        recent = range(max(0, self.step.count - RECALIBRATION), self.step.count) if needed else ()
        inputs = (part.batch[0] for step in recent if loader for part in loader.parts(step))
        self.step.evaluation_weights.apply(inputs)

    def on_validation_end(self) -> None:  # after the callbacks, which may copy the weights that were judged
        self.step.evaluation_weights.restore()
        value = self.validated()[self.monitor]
        if not self.trainer.sanity_checking and not math.isnan(value):  # an undefined metric is no evidence of a plateau
            self.recipe.schedule.observe(value)

    def on_validation_epoch_start(self) -> None:
        weights.check_agreement(self.model)
        weights.agree_on_buffers(self.model)

    def on_test_epoch_start(self) -> None:
        weights.agree_on_buffers(self.model)

    def validation_step(self, batch: Batch, index: int) -> None:
        self.add(self.valid, batch, self.model)

    def test_step(self, batch: Batch, index: int) -> None:
        self.add(self.test, batch, self.model)

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.valid.collect("valid/"))

    def on_test_epoch_end(self) -> None:
        self.log_dict(self.test.collect("test/"))

    def add(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        """Evaluate `batch`, which has no rows in a process whose share of the split is used up before the others'."""
        if len(batch[0]):
            self.evaluate(scores, batch, predict)
        elif predict is self.model and isinstance(self.model, FSDPModule):
            predict(batch[0])  # gathering shards takes all processes

    def evaluate(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        """Take what `predict` makes of `batch` into `scores`."""
        outputs = predict(batch[0])
        scores.loss.update(self.loss(lambda _: outputs, batch), len(batch[0]))
        if len(batch) > 1:
            scores.metrics.update(self.score(outputs), batch[1])


def ends_of_an_epoch(loader: StepLoader) -> tuple[int, int]:
    """The first and the last step of an epoch: the usual batch, and one that may be smaller."""
    return 0, loader.plan.steps_per_epoch - 1
