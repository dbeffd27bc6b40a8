"""The process that the fork server starts for a group of jobs: `python -m descentlab.run FOLDER ...` in its own session."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from descentlab.store.record import LOG

GRACE = 30.0  # seconds between asking a run to stop and killing its processes


def main(folders: Sequence[str], environment: Mapping[str, str]) -> None:
    """Become `python -m descentlab.run FOLDER ...`, which also starts the other processes of a data-parallel run.

    Args:
        folders: the folders of the jobs that this process runs. Its output goes to the log in the first one.
        environment: variables to set.
    """
    os.environ.update(environment)
    os.setsid()  # Ctrl-C then reaches only the parent, which stops this process group as a whole
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    log = os.open(Path(folders[0]) / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["descentlab.run", *folders]
    runpy.run_module("descentlab.run", run_name="__main__", alter_sys=True)


def _end_with(parent: BaseProcess) -> None:
    """Stop this run when the parent is gone, for whatever reason; kill it if it does not save a checkpoint in time."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(os.getpgrp(), signal.SIGKILL)
