"""Trains jobs one after the other, as one of the processes of torchrun: `torchrun ... -m support.two_processes FOLDER ...`.

With INTERRUPT=1 in the environment each job is interrupted at its first opportunity, and then resumed.
"""

import contextlib
import os
import sys
from pathlib import Path

from conftest import AtPoint
from torch.distributed import barrier, init_process_group

from descentlab.parallel import collectives, ranks
from descentlab.run import run
from descentlab.store.interruption import Interrupted
from descentlab.store.job import Job

if __name__ == "__main__":
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    init_process_group("gloo")  # once, for all runs
    for folder in map(Path, sys.argv[1:]):
        if os.environ.get("INTERRUPT"):
            with contextlib.suppress(Interrupted):
                run(Job.load(folder), AtPoint(1))
            barrier()
            assert (folder / "last.ckpt").exists()
        record = run(Job.load(folder))
        if ranks.is_first():
            record.write(folder)
        barrier()
    collectives.destroy_process_group()
