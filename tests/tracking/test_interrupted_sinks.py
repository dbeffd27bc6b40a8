"""The sinks of a run that ends with an exception."""

from __future__ import annotations

import pytest

from descentlab.budget import Plan
from descentlab.store.interruption import Interrupted
from descentlab.tracking.sinks import Sinks


def test_interruption_closes_the_curves_file_and_keeps_its_rows(job):
    made = job("budget.epochs=null", "budget.steps=5")
    sinks = Sinks(made, Plan.of(100, 10, made.config["budget"], None, False), keep=0)

    def interrupted() -> None:
        with sinks:
            sinks.write([{"step": 1, "train_seconds": 0.1}])
            raise Interrupted

    with pytest.raises(Interrupted):
        interrupted()
    assert sinks.curves.file.closed
    assert [row["step"] for row in sinks.curves.kept()] == [1]
