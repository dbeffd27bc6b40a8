"""Turns what the steps and validations measured into rows, and hands the rows to whoever keeps them."""

from __future__ import annotations

from typing import Any, Protocol

import lightning as L

from descentlab.budget import Plan
from descentlab.tasks.base import Steps, Task
from descentlab.training.clock import Clock

Row = dict[str, Any]


class Sink(Protocol):
    """Keeps rows, knows up to where they are safe, and passes on that the run is alive."""

    def write(self, rows: list[Row]) -> None: ...

    def alive(self) -> None: ...

    def position(self) -> int: ...


class Curves(L.Callback):
    """Every `every` steps a row with the mean training loss since the last one; a row at each validation.

    Args:
        plan: steps -> examples, epochs.
        clock: of the run; it stands still while rows are written.
        sink: where rows go.
        every: log_every.
    """

    def __init__(self, plan: Plan, clock: Clock, sink: Sink, every: int) -> None:
        self.plan, self.clock, self.sink, self.every = plan, clock, sink, every
        self.pending: list[float] = []
        self.chunk_began = 0.0
        self.evaluations = 0  # of gradients, before the last step

    def on_train_batch_end(self, trainer: L.Trainer, task: Task, outputs: dict[str, Steps], *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        with self.clock.paused():
            self._write(self._rows(outputs["steps"]))
        self.chunk_began = self.clock.seconds

    def _rows(self, steps: Steps) -> list[Row]:
        """The rows of a chunk; within it, time is taken to pass evenly."""
        rows: list[Row] = []
        pace = (self.clock.seconds - self.chunk_began) / len(steps.losses)
        for done, (loss, evaluations) in enumerate(zip(steps.losses, steps.evaluations, strict=True)):
            step = steps.first + done
            self.pending.append(loss)
            if step % self.every == 0:
                row = self._train_row(step, evaluations, self.chunk_began + done * pace)
                rows.append(row | {f"train/{name}": value for name, value in steps.measured[step].items()})
        self.evaluations = steps.evaluations[-1]
        return rows

    def _train_row(self, step: int, evaluations: int, seconds: float) -> Row:
        row = {**self._axes(step, evaluations, seconds), "train/loss": sum(self.pending) / len(self.pending)}
        self.pending = []
        return row

    def on_validation_end(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        step = task.step.count
        undefined = task.valid.undefined  # null in the curves
        measured = {f"valid/{name}": None if name in undefined else value for name, value in task.validated().items()}
        row = {**self._axes(step, task.step.evaluations, self.clock.seconds), **measured}
        if not trainer.sanity_checking:
            row["batches"] = trainer.datamodule.loader.digest(step)  # pyright: ignore[reportAttributeAccessIssue]
        over = self.pending and (trainer.should_stop or self.plan.done(step))
        self._write([self._train_row(step - 1, self.evaluations, self.clock.seconds), row] if over else [row])

    def state_dict(self) -> dict[str, Any]:
        return {"pending": list(self.pending), "evaluations": self.evaluations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The clock stands where it stood then."""
        self.pending, self.evaluations = state_dict["pending"], state_dict["evaluations"]
        self.chunk_began = self.clock.seconds

    def _axes(self, step: int, evaluations: int, seconds: float) -> Row:
        seen = {"step": step, "examples": self.plan.examples(step), "epoch": step / self.plan.steps_per_epoch}
        return {**seen, "gradient_evaluations": evaluations, "train_seconds": seconds}

    def on_validation_batch_end(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.sink.alive()

    def on_test_batch_end(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.sink.alive()

    def _write(self, rows: list[Row]) -> None:
        if rows:
            self.sink.write(rows)
        else:
            self.sink.alive()
