"""The task of a Slurm job: starts the run as a plain script, forwards requests to stop, and waits."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from descentlab.store.job import Job
from descentlab.store.record import LOG, STOP_REQUEST

POLL = 0.25
PR_SET_PDEATHSIG = 1


class Shepherd:
    """The function that submitit calls in every task of the Slurm job, at each start, with the folders of a group's jobs.

    Args:
        of_groups: environment variables of the processes that train several jobs (launchers.base.Fusing.environment).
    """

    child: subprocess.Popen[bytes] | None = None

    def __init__(self, of_groups: Mapping[str, str]) -> None:
        self.of_groups = of_groups

    def __call__(self, folders: Sequence[str]) -> int:
        jobs = [Job.load(Path(folder)) for folder in folders]
        if "SLURM_RESTART_COUNT" in os.environ and os.environ.get("SLURM_PROCID") == "0":
            for job in jobs:
                replace(job, attempt=job.attempt + 1).save()
        with (jobs[0].folder / LOG).open("ab") as log:
            # Slurm may send its warning signal to all processes of the task: ignored until the run's handler is installed.
            before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            line = [sys.executable, "-m", "descentlab.run", *folders]
            own = {**_environment(jobs[0].core.threads), **(self.of_groups if len(folders) > 1 else {})}
            self.child = subprocess.Popen(line, stdout=log, stderr=log, env=own, preexec_fn=_die_with_parent)  # noqa: PLW1509 no threads here
            signal.signal(signal.SIGUSR2, before)
        asked = False
        while not self._over():
            if not asked and any((job.folder / STOP_REQUEST).exists() for job in jobs):
                self.child.terminate()
                asked = True
            time.sleep(POLL)
        return self.child.wait()

    def _over(self) -> bool:
        """Return True if the child has ended, without reaping it, since `checkpoint` may be called in between."""
        assert self.child is not None
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def checkpoint(self, folders: Sequence[str]) -> Any:
        """Make the run save a checkpoint and stop. submitit calls this before it queues the job again."""
        import submitit

        if self.child is not None:
            self.child.terminate()
            while not self._over():
                time.sleep(POLL)
        return submitit.helpers.DelayedSubmission(Shepherd(self.of_groups), folders)


def _environment(threads: int) -> dict[str, str]:
    """Return the run's environment. A run on one node uses loopback, since the node's name may not resolve."""
    one_node = os.environ.get("SLURM_JOB_NUM_NODES", "1") == "1"
    defaults = {"OMP_NUM_THREADS": str(threads), **({"MASTER_ADDR": "127.0.0.1"} if one_node else {})}
    return {**defaults, **os.environ}


def _die_with_parent() -> None:
    """Ask the kernel to kill this process when the shepherd is killed (Slurm does not, where it has no cgroups)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
