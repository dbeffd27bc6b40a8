"""One run, top to bottom: config -> data -> task -> observers and engine -> record.

`python -m descentlab.run FOLDER` trains the run that FOLDER/config.yaml describes and writes the record to FOLDER; several
folders are a fused group (run_group.py). A sweep starts it in a new process for each run; Lightning starts it again for
every other process of a data-parallel run.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from filelock import FileLock

from descentlab import run_group
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.parallel import collectives, ranks
from descentlab.parallel.post_mortem import Died
from descentlab.store import checkpoint as checkpoints
from descentlab.store import provenance
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.store.job import Job
from descentlab.store.record import ALIVE, FAULT, RECORD, RELEASE, Record, Status, write_json
from descentlab.tracking.sinks import Sinks
from descentlab.training.callbacks import make_callbacks
from descentlab.training.conclude import conclude, failed, make_record, write_record
from descentlab.training.setup import RunObservers, compilation_of, load_data, make_engine, make_task, plan_of, set_up_torch
from descentlab.training.start import set_initial_weights


def run(job: Job, interruption: Interruption | None = None) -> Record:
    """Train `job`, resuming from its checkpoint if there is one, and return its record, which the caller writes.

    With several processes only the first one writes files and tracks; the records of the others are not used.

    Raises:
        Interrupted: the run was asked to end; a checkpoint has been saved if training had started.
    """
    config, core, began = job.config, job.core, time.perf_counter()
    load = provenance.load_average()
    interruption = interruption or Interruption()
    set_up_torch(core)

    data = load_data(config)
    plan = plan_of(core, data)
    data.serve(plan, core.data_seed, core.microbatch, config.get("branch"))
    data.cut_every = core.checkpoint.snapshots
    task = make_task(config, data, plan)
    set_initial_weights(config, task.model)
    task.probes = probes = Probes.of(config)

    saved = checkpoints.read(job.folder) if ranks.is_first() else None
    task.compilation = compilation_of(config, saved)
    with Sinks(job, plan, saved) as sinks:
        observers = RunObservers(core, task, plan, sinks, config, job.choices)
        engine = make_engine(core, make_callbacks(config))
        observers.save_in(job.folder, saved, interruption, engine)
        ready = time.perf_counter()
        interruption.defer()
        engine.fit(task, data, plan, observers)
        trained = time.perf_counter()
        observers.outcome.add({"diagnostics": probes.summary(observers.clock.seconds)})
        conclude(job, engine, task, data, observers, sinks)

    seconds = {"setup": ready - began, "fit": trained - ready, "total": time.perf_counter() - began}
    seconds |= {"diagnostics": sum(probes.seconds.values()), "paused": observers.clock.paused_seconds}
    loads = {"load_at_start": load, "load_at_end": provenance.load_average()}
    return make_record(job, data, observers.outcome, seconds | loads, str(engine.device))


def main(folder: Path, interruption: Interruption) -> int:
    """Run the job in `folder`, write its record, and return the exit code: 0 if the record holds a result, else 1."""
    job = Job.load(folder)
    provenance.origin(job.config)  # hash the source now, before files can change during the run
    if not ranks.is_first():
        return _report_fault(_attempt(job, interruption), folder)
    with FileLock(folder / ALIVE, timeout=RELEASE):
        (folder / RECORD).unlink(missing_ok=True)  # written by an attempt that a cluster interrupted in order to start this one
        return write_record(_attempt(job, interruption), job)


def _attempt(job: Job, interruption: Interruption) -> Record:
    """Run `job` and return its record, even if it was interrupted or failed."""
    try:
        return run(job, interruption)
    except Interrupted as reason:
        return job.record(Status.INTERRUPTED, str(reason))
    except Died as died:
        has_raised = (job.folder / FAULT).exists()  # that process raised an exception, which is the more precise cause
        return job.record(Status.FAILED if has_raised else Status.CRASHED, str(died))
    except Exception as error:
        return failed(job, error)


def _report_fault(record: Record, folder: Path) -> int:
    """Write the cause of a failure for the first process, and return the exit code, on which Lightning ends the others."""
    if record.status is Status.FAILED and folder.exists():
        write_json(folder / FAULT, {"reason": record.reason})
    return int(record.status.is_fault)


if __name__ == "__main__":
    signals = Interruption()
    signals.listen()
    folders = [Path(folder) for folder in sys.argv[1:]]
    code = main(folders[0], signals) if len(folders) == 1 else run_group.main(folders, signals)
    collectives.destroy_process_group()
    sys.exit(code)
