"""Fixtures of tests of sweeps that break."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from support.curves import timeless_curves
from support.fake_launcher import Clock, FakeLauncher
from support.lab import Lab

from descentlab.store import record as records
from descentlab.sweeps import queue, watch

SHARED_MEMORY = re.compile(r"sem\.|torch_|psm_|mp-")


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Lab]]:
    """Make a Lab. Each test that uses one also asserts that no process and no shared memory is left of it."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("looks for processes in /proc")
    labs: list[Lab] = []
    before = set(_shared_memory())

    def make() -> Lab:
        labs.append(Lab.at(tmp_path_factory.mktemp("lab")))
        return labs[-1]

    yield make
    left = [line for lab in labs if not lab.is_quiet_within(15) for line in lab.processes().values()]
    for lab in labs:
        lab.close()
    assert not left, "processes that a command has left"
    assert not set(_shared_memory()) - before
    assert not [answer.stderr for lab in labs for answer in lab.ended if "leaked" in answer.stderr]


def _shared_memory() -> list[str]:
    shared = Path("/dev/shm")
    return [path.name for path in shared.iterdir() if SHARED_MEMORY.match(path.name)] if shared.exists() else []


@pytest.fixture(scope="module")
def uninterrupted(make_lab: Callable[[], Lab]) -> Callable[..., pl.DataFrame]:
    """Return the curves of an uninterrupted run: uninterrupted("seed=3")."""
    known: dict[tuple[str, ...], pl.DataFrame] = {}

    def curves_of(*words: str) -> pl.DataFrame:
        if words not in known:
            lab = make_lab()
            answer = lab.run(*words, armed=False)
            assert answer.returncode == 0, answer.stderr
            (record,) = records.find(lab.folder / "out" / "s")
            known[words] = timeless_curves(record)
        return known[words]

    return curves_of


@pytest.fixture
def lab(make_lab: Callable[[], Lab]) -> Lab:
    return make_lab()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a simulated clock, which the queue uses."""
    simulated = Clock()
    monkeypatch.setattr(queue, "time", simulated)
    monkeypatch.setattr(watch, "time", simulated)
    return simulated


@pytest.fixture
def launcher(clock: Clock) -> FakeLauncher:
    return FakeLauncher(clock)
