"""Runs of the checks: composed as the command line does, and trained in this process."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from hydra.core.override_parser.overrides_parser import OverridesParser

from descentlab.config.command_line import Command, config_loader
from descentlab.config.compose import Composer
from descentlab.run import run
from descentlab.store.interruption import Interruption
from descentlab.store.job import Job
from descentlab.store.record import Record, read_curves
from descentlab.sweeps.launch import checked_plan

ROOT = Path(__file__).resolve().parent.parent.parent
DIGITS = ("problem=digits_mlp",)
CONVOLUTIONAL = ("problem=digits_mlp", "model=cnn_2c2d")  # on the 8 x 8 images of the digits
TEXT = (f"data.path={ROOT / 'docs' / 'architecture.md'}", "data.vocabulary=null")  # nothing has to be fetched
TRANSFORMER = ("problem=shakespeare_gpt", *TEXT)
SMALL_TRANSFORMER = (*TRANSFORMER, "data.length=16", "model.width=16", "model.layers=1")
EVERY_STEP = ("log_every=1", "validate_every=1000")


class FailedError(Exception):
    """A check did not hold; the message gives the numbers."""


class SkippedError(Exception):
    """A check cannot be carried out here; the message is the reason."""


@dataclass(frozen=True)
class Lab:
    """A folder for the runs of the checks.

    Args:
        device: cuda or cpu.
        quick: take a few steps of small models only.
        folder: receives the folders of the runs.
        composer: composes their configs.
    """

    device: str
    quick: bool
    folder: Path
    composer: Composer

    def job(self, *words: str, steps: int = 20) -> Job:
        """Save the job of a run on the device, in a new folder; `words` are those of the command line."""
        number = sum(1 for _ in self.folder.iterdir())
        places = (f"output_dir={self.folder}", f"sweep=s{number}", f"data_dir={ROOT / 'data'}", "logger=none")
        trainer = () if any(word.startswith("trainer=") for word in words) else (self.trainer,)
        overrides = [*places, *trainer, "budget.epochs=null", f"budget.steps={steps}", "target=null", *words]
        parser = OverridesParser.create(config_loader=self.composer.loader)
        (job,) = checked_plan([self.composer.compose(parser.parse_overrides(overrides))])
        job.save()
        return job

    def train(self, *words: str, steps: int = 20) -> Trained:
        """Train a run in this process. Raises FailedError if it does not complete."""
        return self.trained(self.job(*words, steps=steps))

    def trained(self, job: Job, interruption: Interruption | None = None) -> Trained:
        """Train `job`, or resume it. Raises FailedError if it does not complete."""
        record = run(job, interruption)
        if record.status != "completed":
            raise FailedError(f"{record.status}: {record.reason}")
        return Trained(record, read_curves(job.folder))

    def on(self, device: str) -> Lab:
        """Return this lab with runs on another device."""
        return dataclasses.replace(self, device=device)

    @property
    def trainer(self) -> str:
        """The override that selects the device."""
        return "trainer=gpu" if self.device == "cuda" else "trainer=cpu"

    @property
    def transformer(self) -> tuple[str, ...]:
        """The overrides of a GPT on a text of this repository."""
        return SMALL_TRANSFORMER if self.quick else TRANSFORMER

    def needs_gpu(self, reason: str) -> None:
        """Raise SkippedError with `reason` unless the device is a GPU."""
        if self.device != "cuda":
            raise SkippedError(reason)


@dataclass(frozen=True)
class Trained:
    """A finished run: its record and its curves."""

    record: Record
    curves: pl.DataFrame

    @property
    def losses(self) -> list[float]:
        """The mean training losses at the log points."""
        return self.curves["train/loss"].drop_nulls().to_list()


@contextmanager
def lab(device: str, quick: bool, folder: Path) -> Iterator[Lab]:
    """Context with a Lab in `folder`, which exists and is empty."""
    with config_loader(ROOT / "conf") as loader:
        yield Lab(device, quick, folder, Composer(loader, Command(loader, [], multirun=True).master))


def difference(losses: list[float], others: list[float], bound: float) -> str:
    """Return a description of the largest relative difference of two curves. Raises FailedError if it exceeds `bound`."""
    differences = [abs(one - other) / abs(other) for one, other in zip(losses, others, strict=True)]
    text = f"{len(losses)} losses differ by at most {max(differences):.1e}; bound {bound:.0e}"
    if not all(each <= bound for each in differences):  # False for NaN
        raise FailedError(text)
    return text
