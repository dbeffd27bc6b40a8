"""What Slurm runs for each task of a run: it starts the run as a plain script, passes on what asks it to end, and waits."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from descentlab.store.job import Job
from descentlab.store.record import LOG, STOP

POLL = 0.25
PR_SET_PDEATHSIG = 1


class Shepherd:
    """submitit's callable: called with the run's folder in every task, again whenever Slurm starts the job again."""

    child: subprocess.Popen[bytes] | None = None

    def __call__(self, folder: str) -> int:
        job = Job.load(Path(folder))
        if "SLURM_RESTART_COUNT" in os.environ and os.environ.get("SLURM_PROCID") == "0":
            replace(job, attempt=job.attempt + 1).save()
        with (Path(folder) / LOG).open("ab") as log:
            # Slurm may send its warning to all processes of the task: until the run listens, it must not die of it.
            before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            line = [sys.executable, "-m", "descentlab.run", folder]
            own = _environment(job.config["threads"])
            self.child = subprocess.Popen(line, stdout=log, stderr=log, env=own, preexec_fn=_die_with_parent)  # noqa: PLW1509 no threads here
            signal.signal(signal.SIGUSR2, before)
        asked = False
        while not self._over():
            if not asked and (Path(folder) / STOP).exists():
                self.child.terminate()
                asked = True
            time.sleep(POLL)
        return self.child.wait()

    def _over(self) -> bool:
        """Whether the child has ended; leaves it to be waited for, for `checkpoint` may be called in between."""
        assert self.child is not None
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def checkpoint(self, folder: str) -> Any:
        """submitit's hook before it queues the job again: the run saves and ends."""
        import submitit

        if self.child is not None:
            self.child.terminate()
            while not self._over():
                time.sleep(POLL)
        return submitit.helpers.DelayedSubmission(Shepherd(), folder)


def _environment(threads: int) -> dict[str, str]:
    """A run on one node meets on loopback, whatever the node's name resolves to."""
    one_node = os.environ.get("SLURM_JOB_NUM_NODES", "1") == "1"
    defaults = {"OMP_NUM_THREADS": str(threads), **({"MASTER_ADDR": "127.0.0.1"} if one_node else {})}
    return {**defaults, **os.environ}


def _die_with_parent() -> None:
    """Ask the kernel to end this process when the shepherd is killed (where Slurm does not: without cgroups)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
