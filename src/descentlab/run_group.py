"""A fused group, top to bottom: the runs of several folders, trained as one program, with a record for each.

`python -m descentlab.run FOLDER FOLDER ...` calls `main`. The runs have the same structure: see sweeps/grouping.py.
"""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from descentlab.data.loading.loader import StepLoader
from descentlab.data.loading.tensors import Data
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.errors import UsageError, is_out_of_memory
from descentlab.optim.programs.program import NotTraceable
from descentlab.optim.programs.reasons import reason_not_programmable
from descentlab.optim.programs.step import PureStep
from descentlab.store import checkpoint as checkpoints
from descentlab.store import progress, provenance
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.store.job import Job
from descentlab.store.record import ALIVE, LOG, RECORD, RELEASE, SINGLE, Record, Status, write_json
from descentlab.tasks.base import Task
from descentlab.tracking.sinks import Sinks
from descentlab.training.conclude import conclude, failed, make_record, write_record
from descentlab.training.engines.explicit import Explicit
from descentlab.training.fused.arrange import arrange
from descentlab.training.fused.choice import choose
from descentlab.training.fused.evaluation import check_evaluation
from descentlab.training.fused.group import Group
from descentlab.training.fused.member import Member
from descentlab.training.setup import RunObservers, load_data, make_task, plan_of, set_up_torch

FEW = 4  # batches whose shapes are compared
LONGEST = 30.0  # most seconds between two writes of the progress of a run
OPEN_FILES = 2**16
PROGRESS_EVERY = 0.05  # least seconds between two writes of the progress of any run of a group


End = Callable[[Job, Record], None]  # receives each run that ended, and its record


def run_group(jobs: Sequence[Job], interruption: Interruption, ended: End) -> None:
    """Train `jobs`, whose checkpoints are at the same step, and report each run that ends.

    Raises:
        Interrupted: the group was asked to end; the runs that have not ended have saved a checkpoint.
        NotTraceable: the runs cannot be stacked.
    """
    began, load = time.perf_counter(), provenance.load_average()
    core = jobs[0].core
    set_up_torch(core)
    data = load_data(jobs[0].config)
    engine = Explicit(core.trainer.accelerator, core.trainer.precision)

    with ExitStack() as stack:
        members = make_members(jobs, data, engine, interruption, stack, ended)
        if not members:
            return
        blocks = arrange(members)
        for member in members:
            member.observers.restore()
        choice = choose(blocks)
        if choice.reason:
            split([member.job for member in members], choice.reason, 1)
            return
        ready = time.perf_counter()
        about = {"size": len(members), "compiled": blocks[0].programs.is_compiled}

        def finish(member: Member) -> None:
            outcome = member.observers.outcome
            outcome.add({"diagnostics": member.probes.summary(member.observers.clock.seconds)})
            conclude(member.job, engine, member.task, data, member.observers, member.sinks)
            outcome.add({"group": {**about, "predicted_seconds": asdict(choice.costs)}})
            seconds = {"setup": (ready - began) / len(members), "fit": member.observers.clock.seconds}
            seconds["total"] = (time.perf_counter() - began) / len(members)
            seconds["diagnostics"] = sum(member.probes.seconds.values())
            loads = {"load_at_start": load, "load_at_end": provenance.load_average()}
            ended(member.job, make_record(member.job, data, outcome, seconds | loads, str(engine.device)))

        def fail(member: Member, error: Exception) -> None:
            ended(member.job, failed(member.job, error))

        interruption.defer()
        group = Group(blocks, data, interruption, core.checkpoint.every, finish, fail)
        group.fit(is_resumed=members[0].step.count > 0)


def make_members(
    jobs: Sequence[Job],
    data: Data[Any],
    engine: Explicit,
    interruption: Interruption,
    stack: ExitStack,
    ended: End,
) -> list[Member]:
    """Return the members of a group, each with the initial weights of its seed.

    Args:
        jobs: the runs. Those that cannot work end, and the others are members.
        data, engine: of all members.
        interruption: reports whether the group was asked to end.
        stack: closes the sinks of the members.
        ended: receives the runs that cannot work.

    Raises:
        NotTraceable: the runs cannot be stacked.
    """
    members: list[Member] = []
    for job in jobs:
        plan = plan_of(job.core, data)
        data.serve(plan, job.core.data_seed, job.core.microbatch, job.config.get("branch"))
        try:
            task = make_task(job.config, data, plan)
            engine.set_up(task, data, "fit")
            optimizer = task.configure_optimizers()
            task.recipe.average.averaged([], plan.total)
            loader = members[0].loader.with_seed(job.core.data_seed) if members else data.train_dataloader()
            task.check_batches(loader)
        except UsageError as error:
            ended(job, failed(job, error))
            continue
        step = _pure_step(job, task, optimizer, loader, members)
        loader = next((each.loader for each in members if each.loader.seed == loader.seed), loader)
        saved = checkpoints.read(job.folder)
        every = min(max(progress.EVERY, PROGRESS_EVERY * len(jobs)), LONGEST)
        sinks = stack.enter_context(Sinks(job, plan, saved, progress_every=every))
        observers = RunObservers(job.core, task, plan, sinks, job.config, job.choices)
        observers.checkpoint_settings["every"] = None  # the group saves all of its members at the same step
        observers.save_in(job.folder, saved, interruption, engine)
        observers.locate()
        members.append(Member(job, plan, task, optimizer, step, loader, observers, sinks))
    return members


def _pure_step(job: Job, task: Task, optimizer: Any, loader: StepLoader, members: Sequence[Member]) -> PureStep:
    """Return the pure step of the group, after checking that the step of a further member has the same structure.

    Raises:
        NotTraceable: it has another one, or the first member cannot be a program.
    """
    probes = Probes.of(job.config)
    step = PureStep(task.model, task.loss, optimizer, task.recipe, probes.of_rows)
    if members:
        if step.structure != members[0].step.step.structure:
            raise NotTraceable("the runs have different update rules, or different groups of parameters")
        return members[0].step.step
    if type(task).watched is not Task.watched:
        raise NotTraceable("the curves include values of the model, which is available to a single run only")
    first = [loader.parts(step)[0].batch for step in range(min(FEW, loader.plan.steps_per_epoch - 1))]
    if len({tuple(part.shape for part in batch) for batch in first}) > 1:
        raise NotTraceable("the batches have different shapes, each of which would need a program")
    if reason := reason_not_programmable(task.model, task.loss, optimizer, task.recipe, loader.parts(0)[0].batch):
        raise NotTraceable(reason)
    check_evaluation(task, loader.parts(0)[0].batch)
    return step


def main(folders: Sequence[Path], interruption: Interruption) -> int:
    """Train the runs in `folders` as fused groups, write their records, and return the exit code: 0 if each has a result."""
    jobs = with_shared_parts([Job.load(folder) for folder in folders])
    provenance.origin(jobs[0].config)  # hash the source now, before files can change during the run
    _allow_files()
    codes: dict[str, int] = {}

    def store(job: Job, record: Record) -> None:
        codes[job.id] = write_record(record, job)

    with ExitStack() as locks:
        try:
            for job in jobs:
                locks.enter_context(FileLock(job.folder / ALIVE, timeout=RELEASE))
                (job.folder / RECORD).unlink(missing_ok=True)
            _refer_to_log(folders)
            for group in by_step(jobs):
                if interruption.asked:
                    raise Interrupted(interruption.asked)
                _train(group, interruption, store, codes)
        except Interrupted as reason:
            for job in [job for job in jobs if job.id not in codes]:
                store(job, job.record(Status.INTERRUPTED, str(reason)))
    return max(codes.values(), default=0)


def _train(group: Sequence[Job], interruption: Interruption, store: End, codes: Collection[str]) -> None:
    """Train a group. Runs that it cannot train are given back to the parent, or end with a record of the failure.

    Args:
        codes: the ids of the runs that `store` has received so far.
    """
    try:
        run_group(group, interruption, store)
    except NotTraceable as error:
        split([job for job in group if job.id not in codes], str(error), 1)
    except Exception as error:
        left = [job for job in group if job.id not in codes]
        if is_out_of_memory(error):
            split(left, f"out of memory: {error}", len(group) // 2)
            return
        for job in left:
            store(job, failed(job, error))


def _allow_files() -> None:
    """Raise the limit of open files to what the system permits: a group has two for each run."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _refer_to_log(folders: Sequence[Path]) -> None:
    """Write to the log of each run but the first, in whose log the output of the group is, where that is."""
    for folder in folders[1:]:
        with (folder / LOG).open("a") as log:
            log.write(f"trained in a fused group of {len(folders)} runs, whose log is ../{folders[0].name}/{LOG}\n")


def with_shared_parts(jobs: Sequence[Job]) -> list[Job]:
    """Return `jobs` with one object for each part of their configs that is the same in all: groups have hundreds of runs."""
    parts: dict[str, Any] = {}

    def shared(part: Any) -> Any:
        return parts.setdefault(repr(part), part)

    return [
        replace(
            job,
            config={shared(key): shared(part) for key, part in job.config.items()},
            choices=shared(job.choices),
            origin=shared(job.origin),
        )
        for job in jobs
    ]


def by_step(jobs: Sequence[Job]) -> list[list[Job]]:
    """Return `jobs` in groups whose checkpoints are at the same step."""
    groups: dict[int, list[Job]] = defaultdict(list)
    for job in jobs:
        saved = checkpoints.read(job.folder)
        groups[saved["step"] if saved else 0].append(job)
    return list(groups.values())


def split(jobs: Sequence[Job], reason: str, size: int) -> None:
    """Ask the parent to train `jobs` in groups of at most `size`, or one by one."""
    for job in jobs:
        write_json(job.folder / SINGLE, {"reason": reason, "size": max(1, size)})
