"""Training with the processes of torchrun."""

from __future__ import annotations

import os
import subprocess
import sys

from conftest import ROOT

from descentlab.store.job import Job


def train_in_two_processes(jobs: list[Job], **environment: str) -> None:
    """Train `jobs` one after the other by the same two processes; `environment` as in `support.two_processes`."""
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--local-addr=127.0.0.1"]
    line += ["-m", "support.two_processes", *(str(job.folder) for job in jobs)]
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    given = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **environment}
    answer = subprocess.run(line, capture_output=True, text=True, timeout=900, env=given)
    assert answer.returncode == 0, answer.stderr[-3000:]
