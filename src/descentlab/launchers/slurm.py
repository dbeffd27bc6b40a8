"""A Slurm cluster as a place for runs: a sweep is a job array, each run a job with as many tasks as it has processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from descentlab.errors import UsageError
from descentlab.extras import require
from descentlab.launchers import preflight
from descentlab.launchers.base import Attempt, stop_by_file
from descentlab.launchers.local import fork_server
from descentlab.launchers.preflight import Findings
from descentlab.launchers.shepherd import Shepherd
from descentlab.launchers.slots import cores_of_a_process
from descentlab.store.job import Job
from descentlab.store.record import RECORD, read_json, write_json

FOLDER, TICKET = ".slurm", "slurm.json"  # below a sweep: what submitit writes; below a run: its job's id
PATIENCE = 120.0  # seconds to wait for a controller that is away, before anything is started
LARGEST_ARRAY = 1000  # Slurm's default MaxArraySize allows one more
POLL, DELAY = 2.0, 10.0  # seconds between two looks at the queue; until a file that another node wrote must have come
OVER = ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT")


class Slurm:
    """`hydra/launcher=slurm`, on a node that can submit jobs.

    A run that nears its time limit saves a checkpoint and is queued again. The command watches; without it the jobs go on, and
    the same command finds them again.

    Args:
        jobs: to be run.
        timeout_min: a job's time limit in minutes.
        signal_delay_s: seconds before that limit at which it is asked to save.
        max_requeues: how often a job may reach its limit and go on.
        array_parallelism: jobs that run at the same time.
        gpus_per_node: null: what trainer.devices says, if trainer.accelerator is gpu.
        mem_gb, partition, account, qos, constraint: as for sbatch.
        setup: shell lines to run first, such as "module load cuda".
        additional_parameters: any other option of sbatch.

    Raises:
        UsageError: there is no Slurm here.
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
    ) -> None:
        if shutil.which("sbatch") is None:
            raise UsageError("hydra/launcher=slurm: there is no sbatch here; run this on a node of a Slurm cluster")
        require("submitit", "hydra/launcher=slurm")
        self.sweep = jobs[0].folder.parent.resolve()
        self.server = fork_server(jobs[0].config["threads"])
        self.max_requeues, self.gpus_per_node = max_requeues, gpus_per_node
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
        self.known: dict[str, str] = {}  # the state of every job on the queue, by id
        self.looked, self.answered = -POLL, False

    def __enter__(self) -> Slurm:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the jobs to Slurm: a command that is killed does not end a night's work."""

    def check(self, jobs: Sequence[Job]) -> Findings:
        return preflight.in_a_process_of(self.server, jobs, here=False)

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        tickets = {id: job for job in jobs if (id := ticket(job.folder))}
        states = self._surely() if tickets else {}
        return [SlurmAttempt(self, job, id) for id, job in tickets.items() if states.get(id, "COMPLETED") not in OVER]

    def _surely(self) -> dict[str, str]:
        """The states, however long it takes to have them: who does not know what runs would start it twice.

        Raises:
            UsageError: Slurm does not answer.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            states = self.states()
            if self.answered:
                return states
            time.sleep(POLL)
        raise UsageError(f"hydra/launcher=slurm: squeue has not answered for {PATIENCE:g} seconds; nothing was started")

    def room(self, jobs: Sequence[Job]) -> int:
        return len(jobs)  # Slurm has a queue of its own

    def start(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        arrays: dict[str, list[Job]] = {}
        for job in jobs:  # an array's elements are alike
            arrays.setdefault(json.dumps(self._resources(job)), []).append(job)
        chunks = [(like[n : n + LARGEST_ARRAY]) for like in arrays.values() for n in range(0, len(like), LARGEST_ARRAY)]
        return [attempt for chunk in chunks for attempt in self._submit(chunk)]

    def _submit(self, jobs: Sequence[Job]) -> list[SlurmAttempt]:
        import submitit
        from submitit.core.utils import FailedJobError

        executor = submitit.AutoExecutor(self.sweep / FOLDER, cluster="slurm", slurm_max_num_timeout=self.max_requeues)
        try:
            executor.update_parameters(name=f"descentlab-{jobs[0].sweep}", **self._resources(jobs[0]), **self.parameters)
        except NameError as error:
            raise UsageError(f"hydra/launcher=slurm: {str(error).splitlines()[0]}") from None
        try:
            submitted = executor.map_array(Shepherd(), [str(job.folder.resolve()) for job in jobs])
        except FailedJobError as error:
            raise UsageError(f"sbatch refuses: {error}") from None
        self.looked = -POLL  # what was known is old
        attempts = [SlurmAttempt(self, job, one.job_id) for job, one in zip(jobs, submitted, strict=True)]
        for attempt in attempts:
            write_json(attempt.job.folder / TICKET, {"id": attempt.id})
        return attempts

    def _resources(self, job: Job) -> dict[str, Any]:
        trainer = job.config["trainer"]
        needs = {
            "nodes": trainer["num_nodes"],
            "tasks_per_node": trainer["devices"],
            "cpus_per_task": cores_of_a_process(job.config),
        }
        on_gpus = trainer["devices"] if trainer["accelerator"] in ("gpu", "cuda") else 0
        gpus = on_gpus if self.gpus_per_node is None else self.gpus_per_node
        return {**needs, "gpus_per_node": gpus} if gpus else needs

    def states(self) -> dict[str, str]:
        """The state of every job that Slurm remembers, array elements each by themselves; looked up every POLL seconds."""
        if time.monotonic() - self.looked >= POLL:
            line = ["squeue", "--noheader", "--array", "--states=all", "--me", "--format=%i %T"]
            try:
                answer = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout
                self.known, self.answered = dict(row.split(maxsplit=1) for row in answer.splitlines()), True
            except subprocess.SubprocessError:  # the controller is busy or away: what was known stands, and nothing new is
                self.answered = False
            self.looked = time.monotonic()
        return self.known

    def wait(self, attempts: Sequence[Attempt], seconds: float) -> None:
        time.sleep(seconds)


def ticket(folder: Path) -> str | None:
    """The id of the job of Slurm's that the run in `folder` is; None if it never was one."""
    return read_json(folder / TICKET).get("id")


class SlurmAttempt:
    """A job of Slurm's, perhaps started several times."""

    def __init__(self, place: Slurm, job: Job, id: str) -> None:
        self.place, self.job, self.id = place, job, id
        self.over_since: float | None = None

    def began(self) -> bool:
        return self.place.states().get(self.id) not in ("PENDING", "CONFIGURING", "REQUEUED")

    def ended(self) -> str | None:
        state = self.place.states().get(self.id, "forgotten")
        if not self.place.answered:
            return None
        if state not in (*OVER, "forgotten"):
            self.over_since = None
            return None
        self.over_since = self.over_since or time.monotonic()
        if not (self.job.folder / RECORD).exists() and time.monotonic() - self.over_since < DELAY:
            return None
        return f"Slurm job {self.id}: {state}; see {self.job.folder.parent.name}/{FOLDER}"

    def stop(self) -> None:
        stop_by_file(self)

    def kill(self) -> None:
        if self.place.states().get(self.id, "COMPLETED") not in OVER:
            subprocess.run(["scancel", self.id], capture_output=True, timeout=60, check=False)
