"""The interface of probes: quantities measured at some steps of a run while its clock is stopped. One probe is one file.

A probe is used if an option of conf/diagnostics lists its class; `'+diagnostics.mine._target_=pkg.Mine'` adds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from torch import Tensor, nn

if TYPE_CHECKING:
    from descentlab.diagnostics.measuring.batch_loss import BatchLoss

Batch = tuple[Tensor, ...]
Named = Mapping[str, Tensor]  # tensors by parameter name, in the order of the optimizer's groups
Number = float | Tensor
Numbers = Mapping[str, Number | Mapping[str, Number]]  # name -> a number of the whole model, or one for each layer or bin


def _no_loss(batch: Batch) -> BatchLoss:
    raise NotImplementedError


def _no_examples(number: int) -> Batch:
    raise NotImplementedError


def _none() -> None:
    return None


@dataclass(frozen=True)
class Context:
    """Quantities of the step just taken.

    Args:
        step: its index, counted from 0.
        before: copies of the weights before it, if a probe needs "weights"; valid during the call, as `gradients` are.
        after: the current weights; not to be changed.
        gradients: of the batch's mean loss at the weights before the step, before clipping and decay, if a probe needs
            "gradients"; of this process's shards under FSDP2.
        batches: the step's microbatches; of a data-parallel run, this process's share of them.
        loss: (weights by name, batch) -> mean loss of the model in training mode, a scalar; differentiable by torch.func any
            number of times. The same call gives the same dropout. Not available under FSDP2.
        outputs: (weights by name, batch) -> the output of each module without children, by module name; the first tensor of an
            output with several.
        held_out: a function that returns the first batch of the validation split.
        lr: the learning rate of the step; the largest one, if groups of parameters have different ones.
        model: the network; not to be called or changed. `loss` and `outputs` evaluate it.
        batch_loss: batch -> its mean loss as a function of the weights by name, in full precision, and with access to the
            outputs of the model between them; as `loss` in other respects.
        preconditioner: a function that returns the diagonal D of the step's update -lr D m by parameter name, where m is the
            gradient or a moving sum of gradients; None if D is the identity or the optimizer has no diagonal.
        training: number -> the first examples of the training split, in the order of the data; of a data-parallel run, this
            process's share of them.
        stability_limit: a function that returns the value of lr times the largest eigenvalue of D times the Hessian above which
            the optimizer diverges on a quadratic, such as 2 for gradient descent; None: not known.
    """

    step: int
    before: Named
    after: Named
    gradients: Named
    batches: Sequence[Batch]
    loss: Callable[[Named, Batch], Tensor]
    outputs: Callable[[Named, Batch], Mapping[str, Tensor]]
    held_out: Callable[[], Batch]
    lr: Number
    model: nn.Module
    batch_loss: Callable[[Batch], BatchLoss] = _no_loss
    preconditioner: Callable[[], Named | None] = _none
    stability_limit: Callable[[], float | None] = _none
    training: Callable[[int], Batch] = _no_examples


class Probe(Protocol):
    """Measures one or several numbers of a step.

    Attributes:
        name: name of the probe.
        cost: how often it is measured. "row": at every row of the curves, which is every `log_every` steps. "light": at an
            interval that all light probes share; "full": at its own interval. The intervals follow from the measured
            costs and from `diagnostics.budget`.
        needs: what it reads: "weights" (those before the step), "gradients", "model" (it evaluates the loss or the outputs).
            Light probes with and without "model" have separate intervals. With sharded weights (FSDP2) those with "model" are
            not measured.
    """

    name: str
    cost: Literal["row", "light", "full"]
    needs: Sequence[str]

    def measure(self, context: Context) -> Numbers:
        """Return numbers by name. Called by all processes of a run.

        A number becomes the curve "train/<name>" of curves.parquet. A mapping from layers to numbers becomes the column <name>
        of layers.parquet, which has a row for each measured step and layer. A layer whose number is NaN, which means that it is
        undefined, is left out. The same holds for a distribution or a function: a mapping from its points, written as strings
        such as "5.62e-03", to numbers.

        In a fused group the probes of rows and the light probes are called inside torch.vmap, for one of the stacked runs: they
        return tensors, and do not branch on values.
        """
        ...
