"""The sinks of a run that ends with an exception."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from descentlab.budget import Plan
from descentlab.store.interruption import Interrupted
from descentlab.tracking.sinks import Sinks


def test_interruption_closes_the_curves_file_and_keeps_its_rows(job):
    made = job("budget.epochs=null", "budget.steps=5")
    sinks = Sinks(made, Plan.of(100, 10, made.config["budget"], None, False), saved=None)

    def interrupted() -> None:
        with sinks:
            sinks.write([{"step": 1, "train_seconds": 0.1}])
            raise Interrupted

    with pytest.raises(Interrupted):
        interrupted()
    assert sinks.curves.file.closed
    assert [row["step"] for row in sinks.curves.kept()] == [1]


def test_tracking_is_finished_even_if_the_curves_cannot_be_closed(job):
    """A full disk: the rows in the buffer cannot be written."""
    made, finished = job("budget.epochs=null", "budget.steps=5"), []
    sinks = Sinks(made, Plan.of(100, 10, made.config["budget"], None, False), saved=None)

    class Full:
        def write(self, rows):
            raise OSError(28, "No space left on device")

        close = position = kept = seal = write

    def finish(failed: bool) -> None:
        finished.append(failed)

    def fill() -> None:
        with sinks:
            sinks.curves.close()
            sinks.curves = Full()
            sinks.curves.close = lambda: Full().write([])
            sinks.tracker = SimpleNamespace(finish=finish)
            sinks.write([{"step": 1}])

    with pytest.raises(OSError, match="No space left"):
        fill()
    assert finished == [True]
