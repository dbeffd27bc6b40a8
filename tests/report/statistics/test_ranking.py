"""The ranking of series."""

from __future__ import annotations

import pytest

from descentlab.report.load import load
from descentlab.report.statistics.ranking import ranked
from descentlab.store.record import Status


@pytest.mark.parametrize(("mode", "order"), [("max", ["good", "bad"]), ("min", ["bad", "good"])])
def test_series_with_diverged_or_failed_runs_rank_last(make_run, tmp_path, mode, order):
    make_run("failed", status=Status.FAILED, summary={"best_valid": None})
    make_run("diverged", status=Status.DIVERGED, summary={"best_valid": 0.99})
    for seed, status in enumerate((Status.COMPLETED, Status.DIVERGED)):
        make_run("shaky", seed=seed, status=status, summary={"best_valid": 0.99})
    make_run("bad", summary={"best_valid": 0.1, "mode": mode})
    make_run("good", summary={"best_valid": 0.9, "mode": mode})
    comparison = load([tmp_path / "sweep"]).comparisons[0]
    for run in comparison.runs:
        run.summary["mode"] = mode
    assert [one.optimizer for one in ranked(comparison)] == [*order, "shaky", "diverged", "failed"]
