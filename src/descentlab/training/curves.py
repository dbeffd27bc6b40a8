"""Curves of a run: convert steps and validations to rows and write them to a sink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from descentlab.budget import Plan
from descentlab.training.clock import Clock
from descentlab.training.events import CONTINUE, Decision, Logged, StepsDone, Validated
from descentlab.training.observers import Observer

Row = dict[str, Any]


class Sink(Protocol):
    """Stores rows, and reports that the run is alive."""

    def write(self, rows: list[Row]) -> None: ...

    def write_layers(self, rows: list[Row]) -> None: ...

    def alive(self) -> None: ...

    def positions(self) -> dict[str, int]: ...


class Curves(Observer):
    """Writes a row every `every` steps with the mean training loss since the last one, and a row at each validation.

    Args:
        plan: converts steps to examples and epochs.
        clock: the run's clock; paused while rows are written.
        sink: receives the rows.
        every: the config's log_every, in steps.
    """

    def __init__(self, plan: Plan, clock: Clock, sink: Sink, every: int) -> None:
        self.plan, self.clock, self.sink, self.every = plan, clock, sink, every
        self.pending: list[float] = []  # losses since the last training row
        self.chunk_began = 0.0
        self.evaluations = 0  # number of gradient evaluations before the last step
        self.last_step = 0  # the largest step of the rows written so far; W&B refuses smaller ones

    def steps_done(self, event: StepsDone) -> Decision:
        with self.clock.paused():
            self._write(self._rows(event))
            if layers := _layer_rows(event):
                self.sink.write_layers(layers)
        self.chunk_began = self.clock.seconds
        return CONTINUE

    def _rows(self, event: StepsDone) -> list[Row]:
        """Return the rows of a chunk. Its steps are assumed to have taken the same time each."""
        rows: list[Row] = []
        pace = (self.clock.seconds - self.chunk_began) / len(event.losses)
        for done, (loss, evaluations) in enumerate(zip(event.losses, event.evaluations, strict=True)):
            step = event.first + done
            self.pending.append(loss)
            if step % self.every == 0:
                row = self._train_row(step, evaluations, self.chunk_began + done * pace)
                rows.append(row | {f"train/{name}": value for name, value in event.measured[step].items()})
        self.evaluations = event.evaluations[-1]
        return rows

    def _train_row(self, step: int, evaluations: int, seconds: float) -> Row:
        row = {**self._axes(step, evaluations, seconds), "train/loss": sum(self.pending) / len(self.pending)}
        self.pending = []
        return row

    def validated(self, event: Validated) -> Decision:
        """Write the validation, after the mean loss of the last steps if the run ends here. Undefined metrics are null."""
        step, seconds = event.step, self.clock.seconds
        values = {f"valid/{name}": None if name in event.undefined else value for name, value in event.metrics.items()}
        row = {**self._axes(step, event.evaluations, seconds), **values}
        if event.batches is not None:
            row["batches"] = event.batches
        last = self.pending and (event.stopping or self.plan.done(step))
        before = max(step - 1, self.last_step)  # a callback may have logged values at a later step
        self._write([self._train_row(before, self.evaluations, seconds), row] if last else [row])
        return CONTINUE

    def logged(self, event: Logged) -> None:
        with self.clock.paused():
            step = max(event.step, self.last_step)
            axes = self._axes(step, event.evaluations, self.clock.seconds)
            self._write([{**axes, **{name: value for name, value in event.values.items() if name not in axes}}])

    def state_dict(self) -> dict[str, Any]:
        return {"pending": list(self.pending), "evaluations": self.evaluations}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state; the clock must have been restored before."""
        self.pending, self.evaluations = state_dict["pending"], state_dict["evaluations"]
        self.chunk_began = self.clock.seconds

    def _axes(self, step: int, evaluations: int, seconds: float) -> Row:
        seen = {"step": step, "examples": self.plan.examples(step), "epoch": step / self.plan.steps_per_epoch}
        return {**seen, "gradient_evaluations": evaluations, "train_seconds": seconds}

    def batch_evaluated(self) -> None:
        self.sink.alive()

    def _write(self, rows: list[Row]) -> None:
        if rows:
            self.last_step = rows[-1]["step"]
            self.sink.write(rows)
        else:
            self.sink.alive()


def _layer_rows(event: StepsDone) -> list[Row]:
    """Return a row for each measured step and layer of a chunk."""
    rows: dict[tuple[int, str], Row] = {}
    for step in sorted(step for step in event.layers if step < event.count):  # a chunk may have been cut
        for quantity, values in event.layers[step].items():
            for layer, value in values.items():
                rows.setdefault((step, layer), {"step": step, "layer": layer})[quantity] = value
    return list(rows.values())
