"""Callbacks as a user would write them; tests name them by `_target_`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from lightning.pytorch.callbacks import Callback, EarlyStopping


class Count(Callback):
    """Records `trainer.global_step` after each step, and logs it. `made` holds all instances."""

    made: ClassVar[list[Count]] = []

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.made.append(self)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen.append(trainer.global_step)
        self.log("count", float(trainer.global_step))

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state_dict):
        self.seen = list(state_dict["seen"])


class KeepsPath(Callback):
    """A callback whose state a checkpoint cannot be loaded with."""

    def state_dict(self):
        return {"best": Path("best.ckpt")}


class Patient(EarlyStopping):
    """A subclass of a class that is refused."""
