"""One run, top to bottom: config -> data -> task -> observers and engine -> record.

`python -m descentlab.run FOLDER` trains the run that FOLDER/config.yaml describes and writes the record to FOLDER; with
several folders, one run after the other. A sweep starts it in a new process for each run; Lightning starts it again for
every other process of a data-parallel run.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from filelock import FileLock

from descentlab.diagnostics.probes import Probes
from descentlab.errors import UsageError
from descentlab.parallel import collectives, ranks
from descentlab.parallel.post_mortem import Died
from descentlab.store import checkpoint as checkpoints
from descentlab.store import provenance
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.store.job import Job
from descentlab.store.record import ALIVE, CHECKPOINT, CURVES, FAULT, RECORD, Record, Status, write_json
from descentlab.tracking.sinks import Sinks
from descentlab.training.callbacks import make_callbacks
from descentlab.training.conclude import conclude, make_record
from descentlab.training.setup import RunObservers, load_data, make_engine, make_task, plan_of, set_up_torch

RELEASE = 120.0  # seconds to wait until a process of the same run that died on another machine releases its lock


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
    data.serve(plan, core.data_seed, core.microbatch)
    task = make_task(config, data, plan)
    task.probes = probes = Probes.of(config)

    saved = checkpoints.read(job.folder) if ranks.is_first() else None
    with Sinks(job, plan, keep=saved["written"] if saved else 0) as sinks:
        observers = RunObservers(core, task, plan, sinks)
        engine = make_engine(core, make_callbacks(config))
        observers.save_in(job.folder, saved, interruption, engine)
        ready = time.perf_counter()
        interruption.defer()
        engine.fit(task, data, plan, observers)
        trained = time.perf_counter()
        conclude(job, engine, task, data, observers, sinks)

    seconds = {"setup": ready - began, "fit": trained - ready, "total": time.perf_counter() - began}
    seconds["diagnostics"] = sum(probes.seconds.values())
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
        record = _attempt(job, interruption)
        record.write(folder)
        if record.status.is_result:
            for name in (CURVES,) if job.core.checkpoint.keep else (CURVES, CHECKPOINT):
                (folder / name).unlink(missing_ok=True)
    return 0 if record.status.is_result else 1


def _attempt(job: Job, interruption: Interruption) -> Record:
    """Run `job` and return its record, even if it was interrupted or failed."""
    try:
        return run(job, interruption)
    except Interrupted as reason:
        return job.record(Status.INTERRUPTED, str(reason))
    except Died as died:
        failed = (job.folder / FAULT).exists()  # that process raised an exception, which is the more precise cause
        return job.record(Status.FAILED if failed else Status.CRASHED, str(died))
    except UsageError as error:  # its message names the fix; a traceback would not help
        print(error, file=sys.stderr)
        return job.record(Status.FAILED, str(error))
    except Exception as error:
        traceback.print_exc()
        return job.record(Status.FAILED, f"{type(error).__name__}: {error}")


def _report_fault(record: Record, folder: Path) -> int:
    """Write the cause of a failure for the first process, and return the exit code, on which Lightning ends the others."""
    if record.status is Status.FAILED and folder.exists():
        write_json(folder / FAULT, {"reason": record.reason})
    return int(record.status.is_fault)


if __name__ == "__main__":
    signals = Interruption()
    signals.listen()
    code = max([main(Path(folder), signals) for folder in sys.argv[1:]])
    collectives.destroy_process_group()
    sys.exit(code)
