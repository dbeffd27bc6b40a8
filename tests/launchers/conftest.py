"""Fixtures of tests of launchers: a real Slurm on this machine, and folders in which commands run."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from support.bench import Bench, ordered_curves
from support.slurm import INSTALL, Slurm, missing_programs, renamed, running_slurm


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A real Slurm, one for each pytest process."""
    if missing := missing_programs():
        pytest.skip(f"{', '.join(missing)} not installed: {INSTALL}")
    if renamed() and subprocess.run(["unshare", "--uts", "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"Slurm would listen beyond loopback: give {socket.gethostname()} the address 127.0.0.1 in /etc/hosts")
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(running_slurm())
        except (RuntimeError, TimeoutError) as error:
            if os.getuid() == 0:
                raise
            pytest.skip(f"Slurm does not start for a user who is not root (as root: {INSTALL}): {error}")
        yield running


@pytest.fixture
def on_slurm(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """For tests that use `slurm` from this process: sets the environment, and cancels the jobs that a test leaves."""
    for name in [name for name in os.environ if name.startswith(("SLURM", "SBATCH", "SRUN"))]:
        monkeypatch.delenv(name)
    for name in ("SLURM_CONF", "PATH"):
        monkeypatch.setenv(name, slurm.environment[name])
    yield slurm
    slurm.cancel_all()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    own = Bench(tmp_path)
    yield own
    own.close()


@pytest.fixture
def slurm_bench(slurm: Slurm, tmp_path: Path) -> Iterator[Bench]:
    """A Bench whose commands find `slurm`; jobs that a test leaves are cancelled."""
    own = Bench(tmp_path, slurm.environment)
    yield own
    slurm.cancel_all()
    own.close()


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[int, pl.DataFrame]:
    """The curves by seed of an uninterrupted sweep with hydra/launcher=local."""
    own = Bench(tmp_path_factory.mktemp("local"))
    answer = own.run("-m", "seed=0,1,2,3")
    own.close()
    assert answer.returncode == 0, answer.stderr
    return {seed: ordered_curves(record) for seed, record in own.records().items()}
