"""The jobs of range tests: the runs of a command, made short, and with the learning rate of the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import Override

from descentlab.config.command_line import Command
from descentlab.config.compose import compose_all
from descentlab.store.job import Job
from descentlab.sweeps.launch import validated
from descentlab.sweeps.plan import as_file_name, plan_jobs
from descentlab.tuning.lr_range.auto import RATE
from descentlab.tuning.lr_range.settings import Settings

# What a test sets itself, or what would end it early or only cost time.
REPLACED = (RATE, "lr", "seed", "data_seed", "sweep", "target", "validate_every", "log_every", "rerun", "records")
REPLACED_NODES = (
    "schedule",
    "momentum_schedule",
    "budget",
    "stop",
    "checkpoint",
    "diagnostics",
    "alerts",
    "logger",
    "callbacks",
)
REPLACED_NODES += ("report", "baseline", "search")
SHORT = ("budget.epochs=null", "budget.examples=null", "budget.seconds=null", "log_every=1", "logger=none")
SHORT += ("diagnostics=none", "alerts=none", "checkpoint.every=null", "target=null")


@dataclass(frozen=True)
class Subject:
    """What is tested: an optimizer on a problem, with the other settings of a command.

    Attributes:
        overrides: those of the command that the runs keep.
        optimizer: its name.
        problem: its name.
    """

    overrides: tuple[Override, ...]
    optimizer: str
    problem: str

    @property
    def key(self) -> str:
        """A text that is equal for equal overrides."""
        return " ".join(sorted(str(override.input_line) for override in self.overrides))

    @property
    def name(self) -> str:
        """The optimizer, and the other overrides but those that name optimizer and problem."""
        words = [str(override.input_line) for override in self.overrides]
        kept = [word for word in words if word.partition("=")[0] not in ("optimizer", "problem", "output_dir", "data_dir")]
        return " ".join([self.optimizer, *kept])


def subject_of(command: Command, combination: Sequence[Override]) -> Subject:
    """Return the subject of a run of a command: its overrides without those that a test sets itself."""
    kept = tuple(override for override in combination if not _is_replaced(override))
    choices = next(compose_all(command.composer, [kept])).choices
    return Subject(kept, str(choices["optimizer"]), str(choices["problem"]))


def _is_replaced(override: Override) -> bool:
    key = override.key_or_group
    return key in REPLACED or key.split("@")[0].split(".")[0] in REPLACED_NODES


def growing(settings: Settings) -> list[str]:
    """Return the overrides of a run whose learning rate grows from `low` to `high`."""
    return [f"{RATE}={settings.high!r}", "schedule=exponential_growth", f"schedule.first={settings.low / settings.high!r}"]


def constant(rate: float) -> list[str]:
    """Return the overrides of a run with a constant learning rate."""
    return [f"{RATE}={rate!r}", "schedule=constant"]


def make_jobs(command: Command, subject: Subject, settings: Settings, runs: Sequence[tuple[int, Sequence[str]]]) -> list[Job]:
    """Return the jobs of a test.

    Args:
        command: the command line, whose composer makes the configs.
        subject: what is tested.
        settings: of the test.
        runs: the number of the seed of each run, and the overrides that set its learning rate.

    Raises:
        UsageError: a config is not valid: for example, the optimizer has no learning rate, or reads it only at the first step.
    """
    sweep = f"lr_range-{as_file_name(subject.problem)}"
    short = [*SHORT, f"budget.steps={settings.steps}", f"validate_every={settings.steps}", f"sweep={sweep}"]
    words = [[*short, *(f"seed={settings.seed(number)}",), *own] for number, own in runs]
    composed = list(compose_all(command.composer, [[*subject.overrides, *command.parse(each)] for each in words]))
    configs = validated(composed)
    shared = {str(override.input_line) for override in subject.overrides if override.key_or_group != "optimizer"} | set(short)
    return plan_jobs(configs, [run.choices for run in composed], [run.overrides for run in composed], shared)
