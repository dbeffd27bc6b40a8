"""A process that trains parts of a table (records=table): `serve` answers the requests of the command."""

from __future__ import annotations

import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from descentlab.errors import UsageError
from descentlab.store.job import Job
from descentlab.store.table import FOLDER, RunTable
from descentlab.training.table.parts import Parts


def serve(sweep: Path, requests: Connection) -> None:
    """Train each part whose number arrives by `requests`, write it, and reply.

    The first reply, before any request, is ("ready", "") or ("mistake", text). The reply to a request is ("done", summary) or
    ("failed", text). The process ends when the connection is closed.
    """
    try:
        job = Job.load(sweep / FOLDER)
        table = RunTable.load(sweep)
        parts = Parts(job.config, table)
    except Exception as error:
        if not isinstance(error, UsageError):
            traceback.print_exc()
        requests.send(("mistake", str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"))
        return
    requests.send(("ready", ""))
    while True:
        try:
            part = requests.recv()
        except EOFError:
            print(f"this process used {time.process_time():.1f} s of a core")
            return
        try:
            results = parts.train(part)
            table.write_part(part, results)
            requests.send(("done", results["status"].count("diverged")))
        except Exception as error:
            traceback.print_exc()
            requests.send(("failed", f"{type(error).__name__}: {error}"))
