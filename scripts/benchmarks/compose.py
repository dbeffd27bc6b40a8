"""The cost of composing, validating and planning 1,000 runs of a sweep, against Hydra's own composition of 50 of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable

from benchmarks.measure import ROOT, Options
from benchmarks.table import Table

from descentlab.config.command_line import Command, config_loader
from descentlab.sweeps.launch import checked_plan

RATES = ",".join(f"{1e-5 * 1.5**step:.2g}" for step in range(20))
COMMAND = ("optimizer=adam,sgd,momentum,rmsprop,adagrad", f"optimizer.lr={RATES}", "seed=range({seeds})")
SAMPLE = 50


def measure(options: Options) -> Table:
    """Return the table of milliseconds of processor time per run."""
    seeds, sample = (1, 2) if options.quick else (10, SAMPLE)
    words = [word.format(seeds=seeds) for word in COMMAND]
    with tempfile.TemporaryDirectory() as folder, config_loader(ROOT / "conf") as loader:
        command = Command(loader, [*words, f"output_dir={folder}"], multirun=True)
        jobs = [list(run.overrides) for run in command.runs()]
        some = jobs[:: len(jobs) // sample][:sample]
        planned = _milliseconds(lambda: checked_plan(command.runs()), len(jobs))
        composed = _milliseconds(lambda: sum(1 for _ in command.runs()), len(jobs))
        hydras = _milliseconds(lambda: [loader.load_sweep_config(command.master, job) for job in some], len(some))
    notes = f"{len(jobs)} runs (5 optimizers, 20 learning rates, {seeds} seeds): {planned * len(jobs) / 1e3:.1f} s of a core."
    table = Table("Composing a sweep", notes, ["work", "ms per run", "ratio to Hydra's composition"])
    table.add("compose, validate and plan", f"{planned:.2f}", f"{planned / hydras:.3f}")
    table.add("compose", f"{composed:.2f}", f"{composed / hydras:.3f}")
    table.add(f"Hydra's own composition of {len(some)} runs", f"{hydras:.2f}", "reference")
    return table


def _milliseconds(work: Callable[[], object], runs: int) -> float:
    """Return the processor time of `work` per run, which other programs on the machine do not affect."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / runs * 1e3
