"""The interface of probes: quantities measured at some steps of a run while its clock is stopped. One probe is one file.

A probe is used if an option of conf/diagnostics lists its class; `'+diagnostics.mine._target_=pkg.Mine'` adds one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class Context:
    """Quantities of the step just taken. Tensors are keyed by parameter name, in the order of the optimizer's groups.

    Args:
        step: its index, counted from 0.
        before: copies of the weights before it, if a probe needs "weights".
        after: the current weights; not to be changed.
        gradients: of the batch's mean loss at the weights before the step, before clipping and decay, if a probe needs
            "gradients"; of this process's shards under FSDP2.
        loss: batch -> mean loss of the current model, a scalar.
        batches: the step's microbatches.
        held_out: a function that returns the first batch of the validation split.
    """

    step: int
    before: Mapping[str, Tensor]
    after: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    loss: Callable[[Batch], Tensor]
    batches: Sequence[Batch]
    held_out: Callable[[], Batch]


class Probe(Protocol):
    """Measures one or several numbers of a step.

    Attributes:
        name: name of the probe.
        cost: "light" if it takes at most about as long as a step, else "full". For documentation only: nothing reads it yet.
        needs: the tensors that it reads: "weights" (those before the step), "gradients".
    """

    name: str
    cost: Literal["light", "full"]
    needs: Sequence[str]

    def measure(self, context: Context) -> Mapping[str, float | Tensor]:
        """Return numbers by name; each becomes the curve "train/<name>". Called by all processes of a run."""
        ...
