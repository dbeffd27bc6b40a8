"""Imports of the fork server, done once so that runs start in milliseconds. No import here may start a thread.

The garbage collector waits until they are done, which takes a sixth of their time otherwise, and then ignores the objects that
they made, in this process and in those forked from it.
"""

import gc
import os
import signal

gc.disable()
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, even during these imports
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked by the parent until here

from descentlab.compat import without_scipy_signal

with without_scipy_signal():
    import lightning  # noqa: F401

import hydra.utils  # noqa: F401
import polars  # noqa: F401
import torch  # noqa: F401

import descentlab.launchers.checks.conflicts
import descentlab.launchers.checks.rehearsal
import descentlab.models.cnn_2c2d
import descentlab.models.linear
import descentlab.models.mlp
import descentlab.models.quadratic
import descentlab.tasks.binary
import descentlab.tasks.classification
import descentlab.tasks.regression
import descentlab.tasks.value
import descentlab.training.checkpointing  # noqa: F401
from descentlab.store import provenance
from descentlab.training.setup import NVML

for cached in (provenance.code, provenance.versions, provenance.hardware):
    cached()  # hash the source now, since its files may change later

os.environ.pop(NVML, None)  # after the last check for a GPU in this process, which must not start CUDA before it forks

gc.freeze()
gc.enable()
