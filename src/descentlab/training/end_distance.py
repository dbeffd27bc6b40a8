"""The distance between the weights at the ends of two runs."""

from __future__ import annotations

from descentlab.diagnostics.analyses.weights import relative_distance
from descentlab.training.finished import FinishedRun
from descentlab.training.landscape import check_models, summarize


def end_distance(first: FinishedRun, second: FinishedRun) -> float:
    """Return |a - b| / |a - a0| of the weights a and b at the ends of two runs, a0 being the initial weights of the first.

    The distance also enters the record of the first run, as `summary["distances"][id of the second run]`. Buffers are left out.

    Source: Wang et al. (2023), arXiv:2307.15196, compares SGD with and without momentum by their weights.

    Args:
        first: a run.
        second: another run of the same model, for instance with another optimizer and the same batches.

    Raises:
        UsageError: the models differ, or a run did not keep its weights.
    """
    check_models(first, second)
    found = relative_distance(first.weights, second.weights, first.initial, first.parameters)
    summarize(first, "distances", second.job.id, found)
    return found
