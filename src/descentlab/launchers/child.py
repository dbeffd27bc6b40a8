"""What the fork server runs for a job: its saved config as a plain script, in a session of its own, printing to its log."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from descentlab.store.record import LOG

GRACE = 30.0  # seconds between asking a run to end and ending its processes


def main(folder: str, environment: Mapping[str, str]) -> None:
    """Become `python -m descentlab.run FOLDER`; a data-parallel run's other processes are started by that very command."""
    os.environ.update(environment)
    os.setsid()  # Ctrl-C reaches the parent alone, which then ends this process group as a whole
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    log = os.open(Path(folder) / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["descentlab.run", folder]
    runpy.run_module("descentlab.run", run_name="__main__", alter_sys=True)


def _end_with(parent: BaseProcess) -> None:
    """End this run when the parent is gone, however it went; at once if it does not save a checkpoint in time."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(os.getpgrp(), signal.SIGKILL)
