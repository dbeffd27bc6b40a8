"""The programs of a table's steps: the number of runs of a block, and whether the steps are compiled."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from descentlab.data.loading.loader import Batch
from descentlab.errors import UsageError, one_line
from descentlab.optim.programs.program import Programs, tensors_of, with_tensors
from descentlab.optim.programs.saving import GAIN_OF_GROUP, compiling_seconds, seconds_of, try_to_compile
from descentlab.optim.programs.step import PureStep, RunState
from descentlab.store.record import read_json, write_json

SIZES = (8, 16, 32, 64, 128, 256, 512)  # numbers of runs of a block
BYTES = 2**23  # of the activations and states of a block; the steps of larger ones are not faster, since no cache holds them


def choose_programs(path: Path, step: PureStep, initial: RunState, batch: Batch, runs: int, steps: int) -> Programs:
    """Return the programs of a table; a table that has been trained in part keeps the size of blocks and the compilation.

    Args:
        path: the file that keeps them. It is written if its folder exists.
        step: the step of one run.
        initial: the stacked initial states of the seeds.
        batch: a whole batch.
        runs: the number of runs.
        steps: the number of steps of each.

    Raises:
        UsageError: the step cannot be stacked.
    """
    known = read_json(path)
    if known:
        return Programs(step, known["size"], batch_is_shared=True, compiles=known["compiled"])
    size = _size_of_blocks(step.model, initial, batch, runs)
    programs = Programs(step, size, batch_is_shared=True)
    repeated = [tensor[:1].repeat(size, *[1] * (tensor.dim() - 1)) for tensor in tensors_of(initial)]
    state = with_tensors(initial, repeated)
    numbers = torch.ones(size, len(step.columns), dtype=torch.float64, device=batch[0].device)
    try:
        program = programs.program(state, numbers, batch)
        seconds = seconds_of(lambda: program(tensors_of(state), numbers, batch))
    except RuntimeError as error:
        raise UsageError(f"records=table: the steps of these runs cannot be stacked: {one_line(error)}") from error
    cost = 0.0 if program.is_cached else compiling_seconds()
    if -(-runs // size) * steps * seconds * GAIN_OF_GROUP > cost:
        programs.compiles = try_to_compile(program)
    if path.parent.exists():
        write_json(path, {"size": size, "compiled": programs.compiles})
    return programs


def _size_of_blocks(model: nn.Module, initial: RunState, batch: Batch, runs: int) -> int:
    """Return the number of runs of a block, which depends on the sizes of a run and of the table only."""
    per_run = sum(tensor[0].nbytes for tensor in tensors_of(initial)) + _activations(model, batch)
    fitting = [size for size in SIZES if size * per_run <= BYTES]
    needed = [size for size in SIZES if size >= runs]
    return min(fitting[-1] if fitting else SIZES[0], needed[0] if needed else SIZES[-1])


@torch.no_grad()
def _activations(model: nn.Module, batch: Batch) -> int:
    """Return the bytes of the outputs of all layers for a batch."""
    found: list[int] = []

    def add(_module: nn.Module, _inputs: object, output: object) -> None:
        found.append(output.nbytes if isinstance(output, Tensor) else 0)

    handles = [module.register_forward_hook(add) for module in model.modules() if not list(module.children())]
    try:
        model.eval()
        model(batch[0])
    finally:
        model.train()
        for handle in handles:
            handle.remove()
    return sum(found)
