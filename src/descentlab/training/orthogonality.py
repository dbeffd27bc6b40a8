"""How orthogonal the updates of Muon are at the end of a finished run."""

from __future__ import annotations

import torch

from descentlab.diagnostics.analyses.orthogonality import orthogonalized
from descentlab.errors import UsageError
from descentlab.optim.composite import parts_of
from descentlab.optim.preconditioner import rule_name
from descentlab.training.finished import FinishedRun
from descentlab.training.landscape import store

ORTHOGONALITY = "orthogonality"  # stem of the file


def orthogonality(run: FinishedRun) -> dict[str, tuple[float, float]]:
    """Store and return the smallest and the largest singular value of the orthogonalized momentum of each weight matrix.

    They are those of the Newton-Schulz iterations of the run's optimizer, see `SingularValues.extremes`.

    Returns:
        parameter name -> (smallest, largest).

    Raises:
        UsageError: the run did not keep its checkpoint, or Muon trains none of its weights.
    """
    optimizer = run.task.recipe.make(run.task.model, run.task.total_steps)
    optimizer.load_state_dict(run.saved["optimizer"])
    names = {parameter: name for name, parameter in run.task.model.named_parameters()}
    found: dict[str, tuple[float, float]] = {}
    for part in parts_of(optimizer):
        for group in part.param_groups:
            if rule_name(part, group) != "muon":
                continue
            dtype = getattr(torch, group.get("ns_dtype", "bfloat16"))
            own = (group["ns_steps"], group["ns_coefficients"], group["eps"], dtype)
            for parameter in group["params"]:
                found[names[parameter]] = orthogonalized(part.state[parameter]["momentum_buffer"], *own).extremes()
    if not found:
        raise UsageError(f"Muon trains no weights of {run.job.name}")
    store(run.job.folder, ORTHOGONALITY, found)
    return found
