"""What tests share: composing a config as the command line does, and training it for real in this process."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from torch import Tensor

from descentlab.config.compose import compose_here
from descentlab.config.composed import Composed
from descentlab.config.resolve import resolve
from descentlab.data.fetch.registry import REGISTRY
from descentlab.store.interruption import Interruption
from descentlab.store.job import Job
from descentlab.store.record import Record, read_curves
from descentlab.sweeps.plan import plan

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded: two threads add up in another order
ROOT = Path(__file__).parent.parent
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def options(group: str) -> list[str]:
    """The options of a config group."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def every_optimizer() -> list[str]:
    """The words of conf/optimizer that name a class, those of its folders with them."""
    folder = ROOT / "conf" / "optimizer"
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml") if path.stem != "custom")


def compose_config(*overrides: str) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Return the resolved config, the choices and the mistakes of a command line; a test may change them.

    Composing, which reads files only, is cached; resolving, which depends on the environment, is not.
    """
    composed = _composed(overrides)
    config, mistakes = resolve(composed.config, composed.choices)
    return copy.deepcopy(config), dict(composed.choices), mistakes


@cache
def _composed(overrides: tuple[str, ...]) -> Composed:
    return compose_here(ROOT / "conf", *overrides)


class AtPoint(Interruption):
    """Asks the run to end at its `number`-th point."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.deferred = False

    @property
    def asked(self) -> str:
        self.left -= 1
        return "SIGTERM" if self.left <= 0 else ""


@dataclass
class Trained:
    """A finished run."""

    record: Record
    curves: pl.DataFrame
    folder: Path

    def column(self, name: str) -> list[float]:
        """The values of a curve where it was measured."""
        return self.curves[name].drop_nulls().to_list()


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Make a job, saved in a temporary folder: job("optimizer=sgd", "budget.steps=5"). No W&B unless asked for."""

    def make(*overrides: str) -> Job:
        defaults = [] if any(o.startswith("logger") for o in overrides) else ["logger=none"]
        every = [*defaults, f"output_dir={tmp_path}/outputs", f"data_dir={ROOT}/data", *overrides]
        config, choices, mistakes = compose_config(*every)
        assert not mistakes, mistakes
        made = plan([config], [choices], [every])[0]
        made.save()
        return made

    return make


@pytest.fixture
def train(job: Callable[..., Job]) -> Callable[..., Trained]:
    """Train for real, in this process: train("optimizer=sgd", "budget.steps=5").record.summary."""

    def do(*overrides: str) -> Trained:
        from descentlab.run import run

        made = job(*overrides)
        record = run(made)
        return Trained(record, read_curves(made.folder), made.folder)

    return do


def needs_data(name: str) -> pytest.MarkDecorator:
    """Skip where a data set of the registry has not been fetched: tests do not download."""
    here = REGISTRY[name].here(ROOT / "data")
    return pytest.mark.skipif(not here, reason=f"{name} is not here: python scripts/data.py fetch {name}")


needs_fashion_mnist = pytest.mark.skipif(
    not FASHION_MNIST.exists() and not (ROOT / "data" / "fashion_mnist").exists(),
    reason="Fashion-MNIST is not here and tests do not download: apt-get install dataset-fashion-mnist",
)


def digests(split: tuple[Tensor, ...]) -> set[bytes]:
    """A digest of each example of `split`, inputs and targets."""
    columns = [part.flatten(1).numpy() if part.dim() > 1 else part[:, None].numpy() for part in split]
    return {hashlib.sha256(b"".join(column[row].tobytes() for column in columns)).digest() for row in range(len(columns[0]))}
