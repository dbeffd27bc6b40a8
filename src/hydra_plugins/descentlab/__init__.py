"""What Hydra looks for by its own rules; the work is done in `descentlab.sweeps`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class PlaceLauncher(Launcher):
    """`hydra/launcher=NAME`: every run of the sweep in a process of its own, at the place that the file NAME.yaml describes."""

    def __init__(self, **place: Any) -> None:
        self.place = place

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from descentlab.sweeps.compose import compose_all
        from descentlab.sweeps.launch import launch, place_maker

        composed = compose_all(self.hydra_context.config_loader, self.config, job_overrides)
        raise SystemExit(launch(composed, place_maker(self.place)))


class GridSweeper(BasicSweeper):
    """`hydra/sweeper=grid`: Hydra's product of values; nothing is written and nothing composed before the launcher."""

    def sweep(self, arguments: list[str]) -> Any:
        assert self.launcher is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments] if self.params else arguments)
        return self.launcher.launch(self.split_arguments(overrides, None)[0], initial_job_idx=0)
