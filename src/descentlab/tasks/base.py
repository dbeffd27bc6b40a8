"""Base class of tasks: a model with one loss and its metrics, trained step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.optim import Optimizer
from torchmetrics import Metric

from descentlab.compat import is_compiled
from descentlab.data.loading.loader import Chunk, Part, StepLoader
from descentlab.data.loading.tensors import Data
from descentlab.errors import UsageError
from descentlab.optim.captured import Captured
from descentlab.optim.compiled_step import CompiledStep
from descentlab.optim.evaluation import RECALIBRATION
from descentlab.optim.lightning_hooks import backward_through, hooks_are_noops
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step
from descentlab.parallel import weights
from descentlab.tasks.measurement import ChunkOutputs, Layers, Measured, NoProbes, StepProbes
from descentlab.tasks.metrics.scores import Scores

Batch = tuple[Tensor, ...]
Predict = Callable[[Tensor], Tensor]


class Task(L.LightningModule):
    """A LightningModule that owns a loss. Subclasses implement `loss` and `make_metrics`.

    Args:
        model: inputs -> outputs, without a loss.
        recipe: optimizer, schedules, clipping, decay and averaging.
        monitor: the validation metric by which runs are selected; `mode` is "min" or "max", the better direction.
        total_steps: number of steps of the run, if the budget determines them.
        measure_every: steps between measurements.

    Attributes:
        compilation: "step" or "auto" if optimizer steps are compiled (see CompiledStep), False if not.
        probes: measures every `measure_every`-th step.
        pause: context in which the run's clock is stopped.
        train_seconds: a function that returns the seconds of training by the run's clock.
        first_nonfinite: (step) -> step, layer and tensor of the first value that was not finite up to `step`; None: all were.
    """

    one_pass = True  # True if a batch is evaluated by one forward pass, the same in all processes
    tokens = 0  # in an example, if it is a sequence whose tokens are counted
    compilation: Literal["step", "auto", False] = False
    step: Step  # from the start of fit on
    data: Data[Any]  # of the run; set by the engine before `setup`
    probes: StepProbes = NoProbes()
    pause: Callable[[], AbstractContextManager[None]] = nullcontext
    train_seconds: Callable[[], float] = staticmethod(lambda: 0.0)
    first_nonfinite: Callable[[int], dict[str, Any] | None] = staticmethod(lambda _: None)

    @property
    def has_manual_gradient(self) -> bool:
        """True if rules.backprop implements the gradient of this loss with the current settings (e.g. no class weights)."""
        return True

    @property
    def is_sharded(self) -> bool:
        """True if the weights are sharded over processes (FSDP2)."""
        return isinstance(self.trainer.strategy, ModelParallelStrategy)

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
        self.collected: dict[str, Tensor] = {}  # metrics of the last validation

    @cached_property
    def valid(self) -> Scores:
        """The scores of the validation split, made at their first use; a group of runs needs those of one run."""
        return self._scores("validation")

    @cached_property
    def test(self) -> Scores:
        """The scores of the test split, made at their first use."""
        return self._scores("test")

    def _scores(self, split: str) -> Scores:
        with torch.inference_mode(False):  # the states of metrics made inside a validation could not be changed outside of it
            return Scores(self.make_metrics(), split).to(self.device)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the mean loss per example, a scalar. `predict` is any callable from inputs to outputs."""
        raise NotImplementedError

    def reported_loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the mean loss per example that is reported of the validation and the test split; by default `loss`."""
        return self.loss(predict, batch)

    def make_metrics(self) -> dict[str, Metric]:
        """Return the validation and test metrics by name. Each is updated with (result of `score`, targets).

        A metric that is undefined on a split computes NaN and provides the reason: see descentlab.tasks.metrics.undefined.
        """
        return {}

    def score(self, outputs: Tensor) -> Tensor:
        """Return the values that metrics compare with targets, given the model's outputs."""
        return outputs

    def watched(self) -> dict[str, Tensor]:
        """Return scalars of the current model by name, to write to the curves together with the probes. Empty by default."""
        return {}

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return artifacts of the current model by file name: images (.png), texts (.txt), and data that a panel of the
        report draws (.json). Empty by default.

        Args:
            batch: the first batch of the test split, on the model's device.
        """
        return {}

    def configure_model(self) -> None:
        """Shard the weights under FSDP2. Called by Lightning, possibly more than once."""
        if isinstance(self.trainer.strategy, ModelParallelStrategy) and not weights.is_sharded(self.model):
            weights.shard(self.model, self.trainer.strategy.device_mesh["data_parallel"])

    def configure_optimizers(self) -> Optimizer:
        """Return the optimizer of the recipe."""
        return self.recipe.make(self.model, self.total_steps)

    def on_fit_start(self) -> None:
        """Create the Step that takes every optimizer step."""
        if self.global_rank:  # the initial weights are the same in all processes, but dropout must differ
            torch.manual_seed(torch.initial_seed() + self.global_rank)
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        backward: Callable[..., None] = self.manual_backward
        if hooks_are_noops(self.trainer):
            backward, optimizer = partial(backward_through, self.trainer.strategy), optimizer.optimizer
        if self.recipe.needs.graph:
            backward = partial(backward, create_graph=True)
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)  # of half precision
        make = partial(CompiledStep, self.loss, self.compilation == "auto") if self.compilation else Step
        self.step = make(
            model=self.model,
            loss=self._own_loss,
            backward=backward,
            optimizer=optimizer,
            recipe=self.recipe,
            total=self.total_steps,
            mean=self._mean,
            scale=(lambda: 1.0) if scaler is None else scaler.get_scale,
            unaveraged=partial(weights.unaveraged, self.trainer.strategy.model),
            pause=self.pause,
        )
        self.first_nonfinite = partial(self.probes.first_nonfinite, self)

    def on_train_start(self) -> None:
        """Check the batches, and compile the model or the step, before the clock runs."""
        loader: StepLoader = self.data.loader
        self.check_batches(loader)
        if self.compilation or is_compiled(self.model):
            taken = [step for step in ends_of_an_epoch(loader) if self.total_steps is None or step < self.total_steps]
            with self.trainer.precision_plugin.train_step_context():
                self.step.warm_up([loader.parts(step) for step in taken])

    def check_batches(self, loader: StepLoader) -> None:
        """Check that the model can be trained on the batches of `loader`.

        Raises:
            UsageError: batch normalisation would see a single example.
        """
        normalised = any(isinstance(module, nn.BatchNorm1d) for module in self.model.modules())
        if normalised and 1 in (len(rows) for step in ends_of_an_epoch(loader) for rows, _ in loader.part_indices(step)):
            raise UsageError(
                "batch normalisation would get a single example, as the last of an epoch or of a microbatch: choose another "
                "batch_size or microbatch, or data.drop_last=true"
            )

    def _mean(self, loss: Tensor) -> Tensor:
        """Return the mean of `loss` over processes."""
        mean = self.trainer.strategy.reduce(loss, reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean

    def _own_loss(self, batch: Batch) -> Tensor:
        return self.loss(self.model, batch)

    def training_step(self, chunk: Chunk, index: int) -> ChunkOutputs:
        """Take the steps of `chunk`."""
        self.probes.begin(self)
        first = self.step.count
        losses: list[Tensor] = []
        evaluations: list[int] = []
        measured: dict[int, dict[str, float]] = {}
        layers: dict[int, Layers] = {}
        for step, parts in enumerate(chunk, first):
            wanted = step % self.measure_every == 0
            evaluations.append(self.step.evaluations)
            losses.append(self.step(parts, self.probes.needs(step) if wanted else None))
            if wanted:
                with self.step.paused():
                    found = self.measured(parts, self.step.captured)
                measured[step] = found.numbers
                if found.layers:
                    layers[step] = found.layers
        mean = self._mean(torch.stack(losses)).tolist()
        return {"first": first, "losses": mean, "evaluations": evaluations, "measured": measured, "layers": layers}

    def measured(self, parts: Sequence[Part], captured: Captured) -> Measured:
        """Return the learning rates, probe values and watched scalars of the step that was just taken."""
        probed = self.probes.measure(self, parts, captured)
        watched = {name: float(value) for name, value in self.watched().items()}
        return Measured({**self.step.values.lrs, **probed.numbers, **watched}, probed.layers)

    def begin_evaluation(self, loader: StepLoader | None) -> None:
        """Put the evaluation weights into the model; `loader` provides recent batches for running statistics."""
        count = self.step.count
        recent = range(max(0, count - RECALIBRATION), count) if self.step.evaluation_weights.needs_batches() else ()
        inputs = (part.batch[0] for step in recent if loader for part in loader.parts(step))
        self.step.evaluation_weights.apply(inputs)

    def end_evaluation(self, metrics: Mapping[str, float], before_training: bool) -> None:
        """Put the trained weights back, and report the validation to the schedule."""
        self.step.evaluation_weights.restore()
        if not before_training:
            self.observe(metrics)

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Report the metrics of a validation to the schedule."""
        if not math.isnan(value := metrics[self.monitor]):  # an undefined metric does not indicate a plateau
            self.recipe.schedule.observe(value)

    def validation_metrics(self) -> dict[str, float]:
        """Return the metrics of the last validation by name, without "valid/"."""
        return {name: float(value) for name, value in self.collected.items()}

    def on_validation_start(self) -> None:
        self.begin_evaluation(getattr(self.data, "loader", None))

    def on_validation_end(self) -> None:  # called after the callbacks, which may copy the evaluation weights
        self.end_evaluation(self.validation_metrics(), self.trainer.sanity_checking)

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
        self.collected = self.valid.collect("")
        if not hooks_are_noops(self.trainer):  # Lightning's log takes longer than the validation of a small split
            self.log_dict({f"valid/{name}": value for name, value in self.collected.items()}, logger=False)  # for callbacks

    def on_test_epoch_end(self) -> None:
        self.log_dict(self.test.collect("test/"), logger=False)

    def add(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        """Update `scores` with `batch`, which is empty in processes whose share of the split is smaller than the others'."""
        if len(batch[0]):
            self.evaluate(scores, batch, predict)
        elif predict is self.model and isinstance(self.model, FSDPModule):
            predict(batch[0])  # gathering shards is collective

    def evaluate(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        """Update `scores` with the outputs of `predict` for `batch`."""
        outputs = predict(batch[0])
        loss = self.reported_loss(lambda _: outputs, batch)  # reuses the outputs, rather than evaluating the model again
        scores.loss.update(loss, len(batch[0]))
        if len(batch) > 1:
            scores.metrics.update(self.score(outputs), batch[1])


def ends_of_an_epoch(loader: StepLoader) -> tuple[int, int]:
    """Return the first and the last step of an epoch: a batch of the usual size, and one that may be smaller."""
    return 0, loader.plan.steps_per_epoch - 1
