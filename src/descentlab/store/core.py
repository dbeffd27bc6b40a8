"""The typed core of a run's config: the keys that every run has, whatever its data, model, task and optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self


@dataclass(frozen=True)
class BudgetConfig:
    """The limits of a run. The first limit reached ends it; None: no such limit."""

    epochs: float | None
    steps: int | None
    examples: int | None
    seconds: float | None


@dataclass(frozen=True)
class StopConfig:
    """Conditions under which a run ends before its budget: see conf/train.yaml."""

    divergence: float | None
    patience: int | None
    min_delta: float
    at_target: bool
    plateau: float | None = None
    window: int = 100
    grad_norm: float | None = None
    gap: float | None = None


@dataclass(frozen=True)
class CheckpointConfig:
    """When weights are stored.

    Attributes:
        every: seconds between checkpoints; None: only on interruption.
        keep: keep the last checkpoint of a finished run.
        snapshots: steps between two copies of the weights that are kept; None: none.
    """

    every: float | None
    keep: bool
    snapshots: int | None = None


@dataclass(frozen=True)
class TrainerConfig:
    """The hardware of a run and how its processes share the work."""

    accelerator: str
    devices: int
    num_nodes: int
    strategy: Literal["auto", "ddp", "fsdp"]
    precision: str

    @property
    def processes(self) -> int:
        """The number of processes on all nodes."""
        return self.devices * self.num_nodes


@dataclass(frozen=True)
class LoggerConfig:
    """The W&B project that a run is logged to; None: not logged. `live`: offline, too, it is logged while it trains."""

    project: str | None
    entity: str | None = None
    live: bool = False


@dataclass(frozen=True)
class Core:
    """The keys of conf/train.yaml that every run has; their meaning and units are described there."""

    seed: int
    data_seed: int
    batch_size: int | Literal["full"]
    microbatch: int | None
    budget: BudgetConfig
    engine: Literal["lightning", "explicit"]
    compile: bool | Literal["step", "auto"]
    target: float | None
    validate_every: int | None
    log_every: int
    stop: StopConfig
    checkpoint: CheckpointConfig
    deterministic: bool
    trainer: TrainerConfig
    logger: LoggerConfig
    rerun: bool
    sweep: str | None
    output_dir: str
    data_dir: str
    on_error: Literal["continue", "stop"]
    retries: int
    retry_after: float
    timeout: float | None
    heartbeat: float | None
    workers: int | None
    threads: int
    jobs_per_gpu: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return the core of a resolved config.

        Raises:
            KeyError: the config lacks a key, as one of another version of descentlab may.
            TypeError: a node of it has other keys.
        """
        values = {field.name: config[field.name] for field in fields(cls)}
        return cls(**values | {name: kind(**config[name]) for name, kind in NODES.items()})


NODES: Mapping[str, type[Any]] = {
    "budget": BudgetConfig,
    "stop": StopConfig,
    "checkpoint": CheckpointConfig,
    "trainer": TrainerConfig,
    "logger": LoggerConfig,
}
