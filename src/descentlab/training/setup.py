"""Build the parts of a run from its resolved config: data, plan, task, observers, engine."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from torch import nn

from descentlab.budget import Plan
from descentlab.config.build import build, build_a
from descentlab.config.contradictions import not_in_one_program
from descentlab.config.shape import named_parts
from descentlab.data.loading.scales import feature_scales
from descentlab.data.loading.tensors import Data
from descentlab.diagnostics.alerts.alert import History
from descentlab.diagnostics.measuring.layers import layers_of
from descentlab.errors import UsageError
from descentlab.optim.recipe import Recipe
from descentlab.parallel import weights
from descentlab.store.checkpoint import State
from descentlab.store.core import Core
from descentlab.store.interruption import Interruption
from descentlab.tasks.base import Task
from descentlab.training.alerting import Alerting, AlertSink
from descentlab.training.checkpointing import Checkpointing
from descentlab.training.clock import Clock
from descentlab.training.curves import Curves
from descentlab.training.engines.base import Engine
from descentlab.training.engines.explicit import Explicit
from descentlab.training.engines.lightning import LightningEngine
from descentlab.training.observers import Observers
from descentlab.training.outcome import Outcome
from descentlab.training.snapshots import Snapshots
from descentlab.training.stopping import Goal, Stop

NVML = "PYTORCH_NVML_BASED_CUDA_CHECK"  # set by `import lightning`; every optimizer step would then load the NVML library


def set_up_torch(core: Core) -> None:
    """Set threads, determinism and warnings as the config specifies."""
    warnings.filterwarnings("ignore", module=r"lightning\.")  # advice on decisions that this program makes itself
    warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph")  # optim/step.py breaks the cycle
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    os.environ.pop(NVML, None)
    torch.set_num_threads(core.threads)
    if core.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA's matrix products refuse to run without it
    torch.use_deterministic_algorithms(core.deterministic)
    if core.trainer.num_nodes == 1 and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # otherwise gloo looks up the host's name, which may not resolve


def load_data(config: Mapping[str, Any]) -> Data[Any]:
    """Return the data of a run; nothing is read yet."""
    return build_a(Data, "data", config["data"])


def plan_of(core: Core, data: Data[Any]) -> Plan:
    """Return the plan of the steps of a run on `data`; reads the data.

    Raises:
        UsageError: the batch is larger than the training set.
    """
    rows = data.splits.sizes()["train"]
    return Plan.of(rows, core.batch_size, asdict(core.budget), core.validate_every, data.drop_last)


def make_task(config: Mapping[str, Any], data: Data[Any], plan: Plan) -> Task:
    """Return the task of a run: its loss, its recipe, and its model with initial weights drawn from the seed.

    Raises:
        UsageError: the config's task is not a Task.
    """
    core = Core.of(config)
    L.seed_everything(core.seed, verbose=False)
    model = build_a(nn.Module, "model", data.fill(config["model"]))
    if core.compile is True:
        model.compile()
    recipe = Recipe.of(config, build)
    make = build({**data.fill(config["task"]), "_partial_": True})
    task = make(model=model, recipe=recipe, total_steps=plan.total, measure_every=core.log_every)
    if not isinstance(task, Task):
        raise UsageError(f"task._target_={config['task']['_target_']} gives a {type(task).__name__}, not a descentlab Task")
    return task


def compilation_of(config: Mapping[str, Any], saved: State | None) -> Literal["step", "auto", False]:
    """Return how the steps of a run are compiled; a run that resumes from `saved` uses the mode in which it began."""
    compile = Core.of(config).compile
    if saved is not None:
        return "step" if saved["stepping"].get("is_compiled") else False
    if isinstance(compile, bool) or (compile == "auto" and any(not_in_one_program(config))):
        return False
    return compile


class RunObservers(Observers):
    """The observers of a run, in the order in which they are called.

    1. The clock, so that the others read the time of the event.
    2. The outcome: its decision to cut a diverged chunk comes before the curves write it, and its decision to stop before
       they write the last validation.
    3. The curves, before checkpoints: the position in the curves that a checkpoint holds includes all rows so far.
    4. Alerts, whose rules read the rows of the curves.
    5. Checkpointing, if the run is saved, and snapshots after it, since it restores the weights.

    Args:
        core: the typed config.
        task: receives the context in which the clock is paused, for its measurements.
        plan: the run's plan.
        sink: receives the rows of the curves, and alerts.
        config: the resolved config, which has the rules of alerts.
        choices: the chosen option of each config group.
    """

    def __init__(
        self, core: Core, task: Task, plan: Plan, sink: AlertSink, config: Mapping[str, Any], choices: Mapping[str, str]
    ) -> None:
        self.task, self.checkpoint_settings = task, asdict(core.checkpoint)
        self.clock = Clock()
        goal = Goal(task.monitor, task.mode, core.target)
        copy_weights = partial(weights.copy_weights, task.model)
        self.outcome = Outcome(plan, self.clock, Stop(**asdict(core.stop)), goal, copy_weights, task.tokens)
        self.outcome.first_nonfinite = lambda step: self.task.first_nonfinite(step)  # noqa: PLW0108 the engine sets it later
        rules = [build(node) for node in named_parts(config, "alerts").values()]
        order = list(layers_of(name for name, _ in task.model.named_parameters()))
        history, features = History(config, choices, plan.total, order), lambda: feature_scales(task.data)
        self.alerting = Alerting(rules, history, self.outcome, sink, self.clock, features)
        self.curves = Curves(plan, self.clock, self.alerting, core.log_every)
        super().__init__(self.clock, self.outcome, self.curves, self.alerting)
        task.pause, task.train_seconds = self.clock.paused, lambda: self.clock.seconds

    def save_in(self, folder: Path, saved: State | None, interruption: Interruption, engine: Engine) -> None:
        """Add checkpointing, which resumes from `saved`, the content of the checkpoint in `folder`, if there is one."""
        state = (self.task, self.outcome, self.curves, engine.callbacks)
        every, keep, snapshots = (self.checkpoint_settings[key] for key in ("every", "keep", "snapshots"))
        self.checkpointing = Checkpointing(folder, saved, interruption, *state, every, keep)
        self.observers = [*self.observers, self.checkpointing]
        if snapshots:
            copy_weights = partial(weights.copy_weights, self.task.model)
            self.observers += [Snapshots(folder, snapshots, copy_weights, lambda: self.task.step.count)]


def make_engine(core: Core, callbacks: Sequence[L.Callback] = ()) -> Engine:
    """Return the engine that the config specifies; `callbacks` are those of the user; the explicit engine takes none."""
    if core.engine == "explicit":
        return Explicit(core.trainer.accelerator, core.trainer.precision)
    return LightningEngine(core.trainer, callbacks, core.log_every)
