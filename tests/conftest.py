"""Fixtures of all tests: compose a config as the command line does, and train it in this process, without mocks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from support.composition import cached_composition
from torch import Tensor

from descentlab.config.command_line import Command, config_loader
from descentlab.config.compose import Composer, compose_here
from descentlab.config.composed import Composed
from descentlab.config.resolve import resolve
from descentlab.data.fetch.registry import REGISTRY
from descentlab.store.interruption import Interruption
from descentlab.store.job import Job
from descentlab.store.record import Record, read_curves
from descentlab.sweeps.plan import plan_jobs

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: two threads sum in another order
ROOT = Path(__file__).parent.parent
pytest_plugins = ["support.browser"]
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def options(group: str) -> list[str]:
    """Return the options of a config group."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def every_optimizer() -> list[str]:
    """Return the options of conf/optimizer that name a class, subfolders included: adam, scratch/adam."""
    folder = ROOT / "conf" / "optimizer"
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml") if path.stem != "custom")


@cache
def _composer() -> Composer:
    """Return a composer that lives as long as the tests: each choice of config groups is composed once."""
    with config_loader(ROOT / "conf") as loader:
        return Composer(loader, Command(loader, [], multirun=True).master)


def compose(*overrides: str) -> Composed:
    """Compose a config as `compose_here` does, a tenth of a second faster."""
    if any(override.lstrip("+~").startswith("hydra") for override in overrides):
        return compose_here(ROOT / "conf", *overrides)
    composer = _composer()
    return composer.compose(OverridesParser.create(config_loader=composer.loader).parse_overrides(list(overrides)))


def compose_config(*overrides: str) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Return the resolved config, the choices and the mistakes of a command line."""
    composed = compose(*overrides)
    config, mistakes = resolve(composed.config, composed.choices)
    return config, dict(composed.choices), mistakes


class AtPoint(Interruption):
    """Request the end of the run at the `number`-th time that it checks for an interruption."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.deferred = False

    @property
    def asked(self) -> str:
        self.left -= 1
        return "SIGTERM" if self.left <= 0 else ""


@dataclass
class Trained:
    """A finished run: its record, its curves and its folder."""

    record: Record
    curves: pl.DataFrame
    folder: Path

    def column(self, name: str) -> list[float]:
        """Return the values of a column of the curves, without the rows where it was not measured."""
        return self.curves[name].drop_nulls().to_list()


@pytest.fixture(scope="session", autouse=True)
def digits_are_parsed_once() -> Iterator[None]:
    """Keep the digits that are parsed from a file of scikit-learn: most runs here train on them, and parsing takes 40 ms."""
    from descentlab.data import digits

    parse = cache(digits.read_numbers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "read_numbers", lambda *args, **kwargs: parse(*args, **kwargs).copy())
        yield


@pytest.fixture(scope="session", autouse=True)
def configs_are_composed_once() -> Iterator[None]:
    """Keep the results of Hydra, in which the tests of commands spend most of their time."""
    with cached_composition(_composer().loader):
        yield


@pytest.fixture(autouse=True)
def environment_is_restored() -> Iterator[None]:
    """Restore the environment variables after each test, since W&B and torch set some in the process of a run."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Make a job and save it in a temporary folder: job("optimizer=sgd", "budget.steps=5"). Without W&B by default."""

    def make(*overrides: str) -> Job:
        defaults = [] if any(o.startswith("logger") for o in overrides) else ["logger=none"]
        every = [*defaults, f"output_dir={tmp_path}/outputs", f"data_dir={ROOT}/data", *overrides]
        config, choices, mistakes = compose_config(*every)
        assert not mistakes, mistakes
        made = plan_jobs([config], [choices], [every])[0]
        made.save()
        return made

    return make


@pytest.fixture
def train(job: Callable[..., Job]) -> Callable[..., Trained]:
    """Train a job in this process: train("optimizer=sgd", "budget.steps=5").record.summary."""

    def do(*overrides: str) -> Trained:
        from descentlab.run import run

        made = job(*overrides)
        record = run(made)
        return Trained(record, read_curves(made.folder), made.folder)

    return do


def needs_data(name: str) -> pytest.MarkDecorator:
    """Return a marker that skips a test if a data set of the registry has not been fetched: tests do not download."""
    here = REGISTRY[name].present(ROOT / "data")
    return pytest.mark.skipif(not here, reason=f"{name} has not been fetched: python scripts/data.py fetch {name}")


needs_fashion_mnist = pytest.mark.skipif(
    not FASHION_MNIST.exists() and not (ROOT / "data" / "fashion_mnist").exists(),
    reason="Fashion-MNIST is not installed: apt-get install dataset-fashion-mnist",
)


def digests(split: tuple[Tensor, ...]) -> set[bytes]:
    """Return the digest of each example (inputs and targets) of `split`."""
    columns = [part.flatten(1).numpy() if part.dim() > 1 else part[:, None].numpy() for part in split]
    return {hashlib.sha256(b"".join(column[row].tobytes() for column in columns)).digest() for row in range(len(columns[0]))}
