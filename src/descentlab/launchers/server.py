"""The fork server: a process that has torch and Lightning loaded, from which checks and runs are forked in milliseconds."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext
from threading import Event

from descentlab.compat import fork_server_pid, kill_fork_server
from descentlab.config.machine import cores
from descentlab.parallel import ranks
from descentlab.tracking.credentials import may_be_online

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
SHOW = {"-h", "--help", "-c", "--cfg", "-i", "--info", "--hydra-help", "-sc", "--shell-completion"}  # flags that train nothing


_unused = Event()  # set while the server that was started early has not been used


def fork_server(threads: int) -> ForkServerContext:
    """Return a context for processes forked from a server that has torch and Lightning loaded, with `threads` threads each.

    The server starts with the first process, unless `start_early` has started it.
    """
    variables: dict[str, str] = dict.fromkeys(THREAD_VARIABLES, str(threads))
    if _unused.is_set() and not variables.items() <= os.environ.items():
        kill_fork_server()  # libraries read the variables when they are imported
    _unused.clear()
    os.environ.update(variables)
    return _context()


def start_early(words: Sequence[str]) -> bool:
    """Start the fork server of a command, which loads torch while the command is composed. Called in the main thread.

    Nothing is started if the command trains nothing, or on a single core, where loading would delay its messages.
    Return True if a server was started.

    Args:
        words: the words of the command line. The word `threads=N` sets the number of threads; with another number in the
            configs, `fork_server` replaces the server. W&B is loaded if runs may be logged while they train: online, or with
            `logger.live=true`.
    """
    follower = ranks.started_outside() or not ranks.is_first()
    if follower or SHOW & set(words) or cores() < 2 or fork_server_pid() is not None:
        return False
    given = [word.removeprefix("threads=") for word in words if word.startswith("threads=")]
    threads = given[-1] if given and given[-1].isdigit() else "1"
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, threads))
    _context("logger=none" not in words and ("logger.live=true" in words or may_be_online()))
    resource_tracker.ensure_running()  # which would end the block below
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: Ctrl-C does not end the server before it ignores it
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # this process receives a Ctrl-C of the meantime now
    _unused.set()
    return True


def _context(live: bool = False) -> ForkServerContext:
    """Return the context, after naming the modules that a new server loads; W&B only if it may log runs `live`."""
    if not ranks.started_outside():
        os.environ.pop("SLURM_NTASKS", None)  # or Lightning, in an allocation, would wait for srun's processes
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["descentlab.launchers.preload", *["descentlab.launchers.preload_wandb"] * live])
    return context
