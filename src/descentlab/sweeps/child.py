"""What the fork server runs for a job: its saved config as a plain script, in a session of its own, printing to its log."""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from pathlib import Path

from descentlab.records import LOG

PR_SET_PDEATHSIG = 1


def main(folder: str) -> None:
    """Become `python -m descentlab.run FOLDER`; a data-parallel run's other processes are started by that very command."""
    os.setsid()  # Ctrl-C reaches the parent alone, which then ends this process group as a whole
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # the fork server ends when the parent does
    log = os.open(Path(folder) / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["descentlab.run", folder]
    runpy.run_module("descentlab.run", run_name="__main__", alter_sys=True)
