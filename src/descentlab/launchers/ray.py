"""Ray as a place for runs: a task of Ray's each, which starts the run in a fresh process of its node and waits for it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from descentlab.config.machine import cores
from descentlab.errors import UsageError
from descentlab.extras import require
from descentlab.launchers import child, preflight
from descentlab.launchers.base import Attempt, stop_by_file
from descentlab.launchers.local import fork_server
from descentlab.launchers.preflight import Findings
from descentlab.launchers.slots import cores_of_a_process, gpus
from descentlab.parallel.post_mortem import how_it_ended
from descentlab.store.job import Job
from descentlab.store.record import PROGRESS, STOP, write_json

POLL = 0.25
OBJECT_STORE = 80 * 2**20  # bytes, about the least that Ray allows: nothing is handed over but a folder's name
# Read when Ray is imported: no statistics sent, workers as urgent as any other process, a minute's patience with a cluster ...
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "RAY_NUM_REDIS_GET_RETRIES": "2"}
OWN = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # ... and loopback only for a Ray of our own


class Ray:
    """`hydra/launcher=ray`. Every node must see the output folder and have descentlab installed.

    Args:
        jobs: to be run.
        address: of a cluster; null: a Ray of our own on this machine, on loopback, which ends with the command.
        memory_gb: that Ray is to reserve for each run.

    Raises:
        UsageError: Ray is not installed; on entering: there is no cluster at `address`.
    """

    ignores: ClassVar[Mapping[str, str]] = {"workers": ""}  # Ray has a queue of its own

    def __init__(self, jobs: Sequence[Job], address: str | None, memory_gb: float | None) -> None:
        settings = SETTINGS | OWN if address is None else SETTINGS
        os.environ.update({name: value for name, value in settings.items() if name not in os.environ})
        require("ray", "hydra/launcher=ray")
        import ray

        self.ray, self.address, self.memory_gb = ray, address, memory_gb
        self.server = fork_server(jobs[0].config["threads"])

    def __enter__(self) -> Ray:
        own = {"num_cpus": cores(), "num_gpus": len(gpus()), "object_store_memory": OBJECT_STORE, "include_dashboard": False}
        settings = own if self.address is None else {"address": self.address}
        try:
            self.ray.init(log_to_driver=False, logging_level="error", **settings)
        except (ConnectionError, RuntimeError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            hint = "; a cluster with tokens wants RAY_AUTH_MODE=token" if self.address else ""
            raise UsageError(f"hydra/launcher=ray: no Ray at {self.address or 'this machine'}: {first}{hint}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.ray.shutdown()

    def check(self, jobs: Sequence[Job]) -> Findings:
        return preflight.in_a_process_of(self.server, jobs, here=self.address is None)

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        return []  # Ray ends the tasks of a command that is gone

    def room(self, jobs: Sequence[Job]) -> int:
        return len(jobs)  # Ray has a queue of its own

    def start(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        return [self._start(job) for job in jobs]

    def _start(self, job: Job) -> RayAttempt:
        trainer = job.config["trainer"]
        wanted = trainer["devices"] * cores_of_a_process(job.config)
        if self.address is None:  # one that asks for more than there is would never start; a cluster may grow
            wanted = min(wanted, cores())
        needs: dict[str, Any] = {"num_cpus": wanted, "max_retries": 0}
        if trainer["accelerator"] in ("gpu", "cuda") or (
            trainer["accelerator"] == "auto" and self.ray.cluster_resources().get("GPU")
        ):
            needs["num_gpus"] = trainer["devices"] / job.config["jobs_per_gpu"]
        if self.memory_gb is not None:
            needs["memory"] = self.memory_gb * 2**30
        task = self.ray.remote(**needs)(_work)
        return RayAttempt(self.ray, job, task.remote(str(job.folder.resolve()), job.config["threads"]))

    def wait(self, attempts: Sequence[Any], seconds: float) -> None:
        if attempts:
            self.ray.wait([attempt.task for attempt in attempts], num_returns=1, timeout=seconds)
        else:
            time.sleep(seconds)


def _work(folder: str, threads: int) -> str:
    """Ray's task: the run in a process forked from this worker's own server, which has torch loaded after the first one."""
    import ray

    path = Path(folder)
    write_json(path / PROGRESS, {})  # it begins
    given = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, ray.get_gpu_ids()))} if ray.get_gpu_ids() else {}
    process = fork_server(threads).Process(target=child.main, args=(folder, given))
    process.start()
    asked = False
    try:
        while process.exitcode is None:
            process.join(POLL)  # briefly: Ray cancels a task between two such calls
            if (path / STOP).exists() and not asked:
                os.kill(process.pid or 0, signal.SIGTERM)
                asked = True
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
    return how_it_ended(process.exitcode)


class RayAttempt:
    """A task of Ray's."""

    def __init__(self, ray: Any, job: Job, task: Any) -> None:
        self.ray, self.job, self.task = ray, job, task

    def began(self) -> bool:
        return (self.job.folder / PROGRESS).exists()

    def ended(self) -> str | None:
        ready, _ = self.ray.wait([self.task], timeout=0)
        if not ready:
            return None
        try:
            return self.ray.get(self.task)
        except self.ray.exceptions.RayError as error:
            return f"lost by Ray: {type(error).__name__}"

    def stop(self) -> None:
        stop_by_file(self)

    def kill(self) -> None:
        if self.ended() is None:
            self.ray.cancel(self.task)
            self.ray.wait([self.task], timeout=child.GRACE)
