"""Run jobs on Ray. Each is a Ray task that starts the run in a fresh process on its node and waits for it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from descentlab.config.machine import cores, cores_of_a_process
from descentlab.errors import UsageError
from descentlab.extras import require
from descentlab.launchers import child, preflight
from descentlab.launchers.base import MAX_GROUP, Attempt, FuseMode, Fusing, Group, stop_by_file
from descentlab.launchers.preflight import Findings
from descentlab.launchers.server import fork_server
from descentlab.launchers.slots import gpus
from descentlab.parallel.post_mortem import describe_exit
from descentlab.store.job import Job
from descentlab.store.record import PROGRESS, STOP_REQUEST, write_json

POLL = 0.25
OBJECT_STORE = 80 * 2**20  # bytes, near Ray's minimum, since only the names of folders are passed
# Ray reads these when it is imported: send no statistics, do not lower the workers' priority, wait a minute for a cluster,
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "RAY_NUM_REDIS_GET_RETRIES": "2"}
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # and, if the command starts Ray itself, listen on loopback only


class Ray:
    """`hydra/launcher=ray`. Every node must see the output folder and have descentlab installed.

    Args:
        jobs: the first jobs to run; the first one's config holds the settings of the machine (threads).
        address: the address of a cluster; null starts Ray on this machine, on loopback, until the command ends.
        memory_gb: memory in GiB that Ray reserves for each attempt; null reserves none.
        fuse: see Fusing.mode.
        group_size: the largest number of runs in a fused group.

    Raises:
        UsageError: Ray is not installed; or, on entering the context, no cluster answers at `address`.
    """

    ignores: ClassVar[Mapping[str, str]] = {"workers": ""}  # Ray queues attempts itself

    def __init__(
        self,
        jobs: Sequence[Job],
        address: str | None,
        memory_gb: float | None,
        fuse: FuseMode = "never",
        group_size: int = MAX_GROUP,
    ) -> None:
        settings = SETTINGS | LOOPBACK if address is None else SETTINGS
        os.environ.update({name: value for name, value in settings.items() if name not in os.environ})
        require("ray", "hydra/launcher=ray")
        import ray

        self.ray, self.address, self.memory_gb = ray, address, memory_gb
        at_once = max(1, cores() // cores_of_a_process(jobs[0].config)) if address is None else 1
        self.fusing = Fusing(fuse, at_once, group_size)
        self.server = fork_server(jobs[0].core.threads)

    def __enter__(self) -> Ray:
        local = {
            "num_cpus": cores(),
            "num_gpus": len(gpus()),
            "object_store_memory": OBJECT_STORE,
            "include_dashboard": False,
        }
        settings = local if self.address is None else {"address": self.address}
        try:
            self.ray.init(log_to_driver=False, logging_level="error", **settings)
        except (ConnectionError, RuntimeError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            hint = "; a cluster with tokens needs RAY_AUTH_MODE=token" if self.address else ""
            raise UsageError(f"hydra/launcher=ray: no Ray at {self.address or 'this machine'}: {first}{hint}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.ray.shutdown()

    def check(self, jobs: Sequence[Job]) -> Findings:
        """Take the trial steps of `jobs` in a process on this machine."""
        return preflight.check_in_process(self.server, jobs, here=self.address is None)

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        """Return nothing: Ray ends the tasks of a command that has ended."""
        return []

    def capacity(self, groups: Sequence[Group]) -> int:
        """Return the number of `groups`: Ray queues those that must wait."""
        return len(groups)

    def start(self, groups: Sequence[Group]) -> Sequence[Attempt]:
        """Submit a task for each of `groups`."""
        return [self._start(group, len(groups)) for group in groups]

    def _start(self, group: Group, groups: int) -> RayAttempt:
        """Submit a task for `group`, one of `groups` that share the cluster."""
        job, core = group[0], group[0].core
        trainer = core.trainer
        wanted = trainer.devices * cores_of_a_process(job.config)
        if self.address is None:  # a task that asks for more cores than exist would never start; a cluster may grow
            wanted = min(wanted, cores())
        needs: dict[str, Any] = {"num_cpus": wanted, "max_retries": 0}
        on_gpu_if_any = trainer.accelerator == "auto" and self.ray.cluster_resources().get("GPU")
        if trainer.accelerator in ("gpu", "cuda") or on_gpu_if_any:
            needs["num_gpus"] = trainer.devices / core.jobs_per_gpu
        if self.memory_gb is not None:
            needs["memory"] = self.memory_gb * 2**30
        environment = self.fusing.environment(group, _tasks_at_once(self.ray.cluster_resources(), needs) // groups)
        task = self.ray.remote(**needs)(_work)
        folders = [str(each.folder.resolve()) for each in group]
        return RayAttempt(self.ray, group, task.remote(folders, core.threads, environment))

    def wait(self, attempts: Sequence[Any], seconds: float) -> None:
        """Return when a task of `attempts` ends, or after `seconds`."""
        if attempts:
            self.ray.wait([attempt.task for attempt in attempts], num_returns=1, timeout=seconds)
        else:
            time.sleep(seconds)


def _tasks_at_once(resources: Mapping[str, float], needs: Mapping[str, Any]) -> int:
    """Return the number of tasks with the options `needs` that can run at the same time on a cluster with these resources."""
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    return min(int(resources.get(name, 0.0) / needs[option]) for option, name in names.items() if needs.get(option))


def _work(folders: Sequence[str], threads: int, environment: Mapping[str, str]) -> str:
    """Run jobs as a Ray task, in a process forked from this worker's own server, which keeps torch loaded between tasks."""
    import ray

    paths = [Path(folder) for folder in folders]
    for path in paths:
        write_json(path / PROGRESS, {})  # marks that the attempt has started
    gpus_of_task = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, ray.get_gpu_ids()))} if ray.get_gpu_ids() else {}
    process = fork_server(threads).Process(target=child.main, args=(folders, {**gpus_of_task, **environment}))
    process.start()
    asked = False
    try:
        while process.exitcode is None:
            process.join(POLL)  # a short wait, since Ray can cancel a task only between two such calls
            if not asked and any((path / STOP_REQUEST).exists() for path in paths):
                os.kill(process.pid or 0, signal.SIGTERM)
                asked = True
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
    return describe_exit(process.exitcode)


class RayAttempt:
    """A Ray task."""

    def __init__(self, ray: Any, jobs: Group, task: Any) -> None:
        self.ray, self.jobs, self.task = ray, jobs, task

    def began(self) -> bool:
        """Return True if the task has started on a node."""
        return (self.jobs[0].folder / PROGRESS).exists()

    def ended(self) -> str | None:
        """Return how the task ended; None while it waits or runs."""
        ready, _ = self.ray.wait([self.task], timeout=0)
        if not ready:
            return None
        try:
            return self.ray.get(self.task)
        except self.ray.exceptions.RayError as error:
            return f"lost by Ray: {type(error).__name__}"

    def stop(self) -> None:
        """Ask the run to save a checkpoint and stop, or cancel a task that waits."""
        stop_by_file(self)

    def kill(self) -> None:
        """Cancel the task; `_work` then kills the run's processes."""
        if self.ended() is None:
            self.ray.cancel(self.task)
            self.ray.wait([self.task], timeout=child.GRACE)
