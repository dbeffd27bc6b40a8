"""The box dimension of the boundary of convergence of a table of runs."""

from __future__ import annotations

import numpy as np
import pytest
from support.study_runs import ended_run

from descentlab.errors import UsageError
from descentlab.store.record import Record, Status
from descentlab.store.table import Axis, RunTable
from descentlab.studies.measuring.boundary import boundary_dimension, converged
from descentlab.studies.quantities.box_dimension import box_dimension
from descentlab.studies.runs import Ended, StudyRun

SIZE = 32


@pytest.fixture
def ended(tmp_path):
    """Make a table of 32 x 32 runs, of which those in `mask` converge and those in `diverged` diverged."""

    def make(mask, diverged):
        axes = [Axis(key, list(range(SIZE)), [{key: float(value)} for value in range(SIZE)]) for key in ("a", "b")]
        table = RunTable(tmp_path / "sweep", axes)
        table.save()
        results = {
            "status": np.where(diverged, "diverged", "completed").ravel().tolist(),
            "first_train_loss": [1.0] * SIZE**2,
            "last_20_train_loss": np.where(diverged, np.nan, np.where(mask, 0.5, 2.0)).ravel().tolist(),
        }
        table.write_part(0, results)
        table.merge()
        record = Record("t", "t", "sweep", Status.COMPLETED, {}, {"records": "table"}, folder=tmp_path / "sweep")
        return Ended(StudyRun("arm", {}, {}, 3, "report"), record)

    return make


def masks():
    rows, columns = np.indices((SIZE, SIZE))
    return rows + columns < SIZE, columns > 30


def test_a_straight_boundary_has_dimension_1_and_diverged_runs_do_not_converge(ended):
    mask, diverged = masks()
    table = ended(mask, diverged)
    assert (converged(table.record, "last_20_train_loss", "first_train_loss") == (mask & ~diverged)).all()
    ((arm, x, seed, value),) = boundary_dimension([table])
    assert (arm, x, seed) == ("arm", None, 3)
    assert value == box_dimension(mask & ~diverged)
    assert value == pytest.approx(1, abs=0.1)


def test_random_points_have_a_larger_dimension(ended):
    mask = np.random.default_rng(0).random((SIZE, SIZE)) < 0.5
    assert boundary_dimension([ended(mask, np.zeros_like(mask))])[0][3] > 1.7


def test_single_runs_are_left_out(ended, tmp_path):
    assert len(boundary_dimension([ended(*masks()), ended_run(tmp_path)])) == 1


def test_an_unknown_column_is_refused_with_those_that_exist(ended):
    with pytest.raises(UsageError, match="a table has no column last_loss; it has run, a, b, status"):
        boundary_dimension([ended(*masks())], of="last_loss")
