"""Run jobs on a Slurm cluster: a sweep is a job array, an attempt is a Slurm job with a task for each process."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from descentlab.config.machine import cores_of_a_process
from descentlab.errors import UsageError
from descentlab.extras import require
from descentlab.launchers import preflight, tickets
from descentlab.launchers.base import MAX_GROUP, Attempt, FuseMode, Fusing, Group, stop_by_file
from descentlab.launchers.preflight import Findings
from descentlab.launchers.server import fork_server
from descentlab.launchers.shepherd import Shepherd
from descentlab.launchers.tickets import FOLDER, OVER, SlurmJobs
from descentlab.store.job import Job
from descentlab.store.record import RECORD, SINGLE

PATIENCE = 120.0  # seconds to wait for an unreachable controller before anything is started
LARGEST_ARRAY = 1000  # Slurm's default MaxArraySize allows one more
POLL, DELAY = 2.0, 10.0  # seconds between two calls of squeue; until a file written by another node must be visible


class Slurm:
    """`hydra/launcher=slurm`, on a node that can submit jobs.

    A run that approaches its time limit saves a checkpoint and is queued again. The command supervises the Slurm jobs; they
    continue without it, and the same command finds them again.

    Args:
        jobs: the first jobs to run; the first one's config holds the settings of the machine (threads).
        timeout_min: time limit of a Slurm job in minutes.
        signal_delay_s: seconds before that limit at which the run is asked to save a checkpoint.
        max_requeues: how often a Slurm job may reach its limit and be queued again.
        array_parallelism: number of Slurm jobs that run at the same time.
        gpus_per_node: GPUs requested on each node; null requests trainer.devices if trainer.accelerator is gpu.
        mem_gb, partition, account, qos, constraint: as for sbatch.
        setup: shell lines to run first, such as "module load cuda".
        additional_parameters: any other option of sbatch.
        fuse: see Fusing.mode.
        group_size: the largest number of runs in a fused group, which is one Slurm job.

    Raises:
        UsageError: there is no sbatch on this machine.
    """

    ignores: ClassVar[Mapping[str, str]] = {"workers": "hydra.launcher.array_parallelism", "jobs_per_gpu": ""}

    def __init__(
        self,
        jobs: Sequence[Job],
        timeout_min: int,
        signal_delay_s: int,
        max_requeues: int,
        array_parallelism: int,
        gpus_per_node: int | None,
        setup: list[str],
        additional_parameters: dict[str, Any],
        mem_gb: float | None = None,
        partition: str | None = None,
        account: str | None = None,
        qos: str | None = None,
        constraint: str | None = None,
        fuse: FuseMode = "never",
        group_size: int = MAX_GROUP,
    ) -> None:
        if shutil.which("sbatch") is None:
            raise UsageError("hydra/launcher=slurm: there is no sbatch here; run this on a node of a Slurm cluster")
        require("submitit", "hydra/launcher=slurm")
        self.sweep = jobs[0].folder.parent.resolve()
        self.server = fork_server(jobs[0].core.threads)
        self.max_requeues, self.gpus_per_node = max_requeues, gpus_per_node
        self.fusing, self.array_parallelism = Fusing(fuse, largest=group_size), array_parallelism
        self.parameters: dict[str, Any] = {
            "timeout_min": timeout_min,
            "slurm_signal_delay_s": signal_delay_s,
            "slurm_array_parallelism": array_parallelism,
            "slurm_setup": list(setup),
            "slurm_additional_parameters": dict(additional_parameters),
        }
        given = {"mem_gb": mem_gb, "slurm_partition": partition, "slurm_account": account, "slurm_qos": qos}
        given |= {"slurm_constraint": constraint}
        self.parameters |= {name: value for name, value in given.items() if value is not None}
        self.known = SlurmJobs()  # the last answer of squeue
        self.queried, self.answered = -POLL, False  # time of the last call of squeue, and True if it answered

    def __enter__(self) -> Slurm:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the jobs to Slurm: they continue when the command is killed."""

    def check(self, jobs: Sequence[Job]) -> Findings:
        """Take the trial steps of `jobs` on this node. Resources that it lacks and compute nodes may have are notes."""
        return preflight.check_in_process(self.server, jobs, here=False)

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        """Return the attempts at `jobs` that Slurm still has: waiting or running."""
        submitted = [job for job in jobs if tickets.has_ticket(job.folder)]
        known = self._wait_for_jobs() if submitted else SlurmJobs()
        groups: dict[str, list[Job]] = {}
        for job in submitted:
            if id := tickets.ticket(job.folder, known):
                groups.setdefault(id, []).append(job)
        found: list[Attempt] = []
        for id, group in groups.items():
            if known.is_alive(id) and not tickets.is_submitted(self.sweep, id):
                tickets.cancel(id)  # the command was killed while it submitted the job, which would fail
            elif known.is_alive(id):
                tickets.confirm(tuple(group), id)
                found.append(SlurmAttempt(self, tuple(group), id))
        return found

    def _wait_for_jobs(self) -> SlurmJobs:
        """Return the jobs once squeue answers: without them, running jobs would be started twice.

        Raises:
            UsageError: Slurm does not answer.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            jobs = self.jobs()
            if self.answered:
                return jobs
            time.sleep(POLL)
        raise UsageError(f"hydra/launcher=slurm: squeue has not answered for {PATIENCE:g} seconds; no run was started since")

    def capacity(self, groups: Sequence[Group]) -> int:
        """Return the number of `groups`: Slurm queues those that must wait."""
        return len(groups)

    def start(self, groups: Sequence[Group]) -> Sequence[Attempt]:
        """Submit job arrays, one for all groups that need the same resources."""
        arrays: dict[str, list[Group]] = {}
        for group in groups:
            arrays.setdefault(json.dumps(self._resources(group[0])), []).append(group)
        chunks = [(like[n : n + LARGEST_ARRAY]) for like in arrays.values() for n in range(0, len(like), LARGEST_ARRAY)]
        return [attempt for chunk in chunks for attempt in self._submit(chunk)]

    def _submit(self, groups: Sequence[Group]) -> list[SlurmAttempt]:
        import submitit
        from submitit.core.utils import FailedJobError

        executor = submitit.AutoExecutor(self.sweep / FOLDER, cluster="slurm", slurm_max_num_timeout=self.max_requeues)
        try:
            job = groups[0][0]
            name = f"descentlab-{job.sweep}-{uuid.uuid4().hex[:8]}"
            executor.update_parameters(name=name, **self._resources(job), **self.parameters)
        except NameError as error:
            raise UsageError(f"hydra/launcher=slurm: {str(error).splitlines()[0]}") from None
        tickets.announce(groups, name)
        try:
            at_once = self.array_parallelism // len(groups)
            shepherd = Shepherd(self.fusing.environment(max(groups, key=len), at_once))
            submitted = executor.map_array(shepherd, [[str(job.folder.resolve()) for job in group] for group in groups])
        except FailedJobError as error:
            raise UsageError(f"sbatch refuses: {error}") from None
        self.queried = -POLL  # the known states are outdated
        attempts = [SlurmAttempt(self, group, one.job_id) for group, one in zip(groups, submitted, strict=True)]
        for attempt in attempts:
            tickets.confirm(attempt.jobs, attempt.id)
        return attempts

    def _resources(self, job: Job) -> dict[str, Any]:
        trainer = job.core.trainer
        needs = {
            "nodes": trainer.num_nodes,
            "tasks_per_node": trainer.devices,
            "cpus_per_task": cores_of_a_process(job.config),
        }
        on_gpus = trainer.devices if trainer.accelerator in ("gpu", "cuda") else 0
        gpus = on_gpus if self.gpus_per_node is None else self.gpus_per_node
        return {**needs, "gpus_per_node": gpus} if gpus else needs

    def jobs(self) -> SlurmJobs:
        """Return the jobs that Slurm remembers; updated every POLL seconds, while the controller is reachable."""
        if time.monotonic() - self.queried >= POLL:
            answer = tickets.query()
            self.known, self.answered = answer or self.known, answer is not None
            self.queried = time.monotonic()
        return self.known

    def wait(self, attempts: Sequence[Attempt], seconds: float) -> None:
        """Sleep for `seconds`."""
        time.sleep(seconds)


class SlurmAttempt:
    """A Slurm job, which Slurm may start several times."""

    def __init__(self, launcher: Slurm, jobs: Group, id: str) -> None:
        self.launcher, self.jobs, self.id = launcher, jobs, id
        self.over_since: float | None = None

    def began(self) -> bool:
        """Return True unless Slurm keeps the job in its queue."""
        return self.launcher.jobs().states.get(self.id) not in ("PENDING", "CONFIGURING", "REQUEUED")

    def ended(self) -> str | None:
        """Return Slurm's final state of the job; None while it waits or runs, or its records may not be visible yet."""
        state = self.launcher.jobs().states.get(self.id, "forgotten")
        if not self.launcher.answered:
            return None
        if state not in (*OVER, "forgotten"):
            self.over_since = None
            return None
        self.over_since = self.over_since or time.monotonic()
        missing = not all((job.folder / RECORD).exists() or (job.folder / SINGLE).exists() for job in self.jobs)
        if missing and time.monotonic() - self.over_since < DELAY:
            return None
        return f"Slurm job {self.id}: {state}; see {self.jobs[0].folder.parent.name}/{FOLDER}"

    def stop(self) -> None:
        """Ask the run to save a checkpoint and stop, or cancel a job that waits."""
        stop_by_file(self)

    def kill(self) -> None:
        """Cancel the job."""
        if self.launcher.jobs().is_alive(self.id):
            tickets.cancel(self.id)
