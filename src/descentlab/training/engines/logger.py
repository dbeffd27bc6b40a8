"""Logger of the lightning engine: forwards the values that user callbacks log to the curves of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.trainer.states import TrainerFn

from descentlab.training.events import Logged

if TYPE_CHECKING:
    from descentlab.training.engines.lightning import HookTranslator


class ObserverLogger(Logger):
    """Reports every `log_metrics` to the observers of a run as a `Logged` event.

    Args:
        translator: holds the task and the observers of the current run.
    """

    def __init__(self, translator: HookTranslator) -> None:
        super().__init__()
        self.translator = translator

    @property
    def name(self) -> str:
        return "descentlab"

    @property
    def version(self) -> str:
        return ""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Report `metrics`, except those of the validation before the first step and of the test."""
        task, values = self.translator.task, {name: float(value) for name, value in metrics.items()}
        if task is not None and task.trainer.state.fn == TrainerFn.FITTING and not task.trainer.sanity_checking and values:
            at = task.step.count if step is None else int(step)
            self.translator.observers.logged(Logged(at, task.step.evaluations, values))

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Do nothing: the config is in the run's record."""
