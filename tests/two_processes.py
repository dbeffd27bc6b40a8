"""Trains jobs one after the other, as one of the processes that torchrun starts: `torchrun ... two_processes.py FOLDER ...`."""

import os
import sys
from pathlib import Path

from torch.distributed import barrier, init_process_group

from descentlab.run import run
from descentlab.sweeps.plan import Job

if __name__ == "__main__":
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    init_process_group("gloo")  # once, for all runs
    for folder in map(Path, sys.argv[1:]):
        run(Job.load(folder))
        barrier()
