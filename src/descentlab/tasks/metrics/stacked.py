"""The mean loss and the metrics of a split for stacked runs, computed for all runs at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import functional_call

from descentlab.tasks.base import Batch, Task

LARGEST = 2**28  # bytes of the largest output of a module, of all runs that are evaluated at a time
_bytes_of_example: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()  # model -> `largest_output` for an example


@runtime_checkable
class MeanOverExamples(Protocol):
    """A metric that is the mean over examples of a value of each example."""

    def of_each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return the value of each example, shape (examples,)."""
        ...


def outputs_of_runs(model: nn.Module, tensors: Mapping[str, Tensor], inputs: Tensor) -> Any:
    """Return the outputs of stacked runs for the same inputs, each tensor with a leading dimension of runs.

    As many runs as LARGEST allows are evaluated at a time.

    Args:
        model: provides the structure and the mode.
        tensors: the parameters and buffers by name, each with a leading dimension of runs.
        inputs: of a batch.
    """
    if model not in _bytes_of_example:
        _bytes_of_example[model] = largest_output(model, inputs[:1])
    at_once = max(1, LARGEST // (_bytes_of_example[model] * len(inputs) or 1))
    return torch.vmap(lambda own: functional_call(model, own, (inputs,)), chunk_size=at_once)(dict(tensors))


def largest_output(model: nn.Module, inputs: Tensor) -> int:
    """Return the size in bytes of the largest tensor that a module of `model` returns for `inputs`."""
    sizes = [0]

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.nbytes)

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    try:
        model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return max(sizes)


def means_over_examples(task: Task) -> dict[str, MeanOverExamples]:
    """Return the metrics of `task` that are means over examples, by name."""
    return {name: metric for name, metric in task.valid.metrics.items() if isinstance(metric, MeanOverExamples)}


class StackedScores:
    """Counterpart of Scores for stacked runs: the loss, and the metrics that are means over examples.

    Args:
        task: a task of one of the runs.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.metrics = task, means_over_examples(task)
        self.sums: dict[str, Tensor] = {}
        self.examples = 0

    @staticmethod
    def apply_to(task: Task) -> bool:
        """Return True if all scores of `task` are means over examples."""
        is_plain = type(task).evaluate is Task.evaluate and task.one_pass
        return is_plain and means_over_examples(task).keys() == dict(task.valid.metrics.items()).keys()

    def update(self, outputs: Any, batch: Batch) -> None:
        """Add a batch.

        Args:
            outputs: of the model, each tensor with a leading dimension of runs.
            batch: the same for all runs.
        """
        count = len(batch[0])
        self._add("loss", torch.vmap(lambda own: self.task.reported_loss(lambda _: own, batch))(outputs).double() * count)
        for name, metric in self.metrics.items():
            each = torch.vmap(lambda own, metric=metric: metric.of_each(self.task.score(own), batch[1]))(outputs)
            self._add(name, each.sum(1))
        self.examples += count

    def _add(self, name: str, values: Tensor) -> None:
        self.sums[name] = values + self.sums[name] if name in self.sums else values

    def means(self) -> dict[str, Tensor]:
        """Return the values by name, each of shape (runs,). Where the loss is NaN, so are the metrics, as in Scores."""
        values = {name: total / self.examples for name, total in self.sums.items()}
        lost = values["loss"].isnan()
        return {name: value if name == "loss" else value.masked_fill(lost, torch.nan) for name, value in values.items()}

    def collect(self, split: str) -> list[tuple[dict[str, float], dict[str, str]]]:
        """Return for each run the values by name, and the reason of each that is undefined, as Scores does."""
        values = self.means()
        rows: list[list[float]] = torch.stack(list(values.values())).T.tolist()
        reason = f"the loss on the {split} split is nan"
        lost: list[bool] = values["loss"].isnan().tolist()
        undefined = {name: reason for name in values if name != "loss"}
        return [
            (dict(zip(values, row, strict=True)), dict(undefined) if is_lost else {})
            for row, is_lost in zip(rows, lost, strict=True)
        ]
