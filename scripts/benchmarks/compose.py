"""Measures what it costs to compose, check and plan 1,000 runs of a sweep, beside Hydra's own composition of 50 of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from descentlab.config.command_line import Command, config_loader
from descentlab.sweeps.launch import checked_plan

ROOT = Path(__file__).resolve().parent.parent.parent
RATES = ",".join(f"{1e-5 * 1.5**step:.2g}" for step in range(20))
COMMAND = ("optimizer=adam,sgd,momentum,rmsprop,adagrad", f"optimizer.lr={RATES}", "seed=range(10)")
SAMPLE = 50


def main(_: Sequence[str] = ()) -> None:
    with tempfile.TemporaryDirectory() as folder, config_loader(ROOT / "conf") as loader:
        command = Command(loader, [*COMMAND, f"output_dir={folder}"], multirun=True)
        jobs = [list(run.overrides) for run in command.runs()]
        sample = jobs[:: len(jobs) // SAMPLE]

        def all_of_it() -> None:
            assert len(checked_plan(command.runs())) == len(jobs)

        ours = _milliseconds(all_of_it, len(jobs))
        alone = _milliseconds(lambda: sum(1 for _ in command.runs()), len(jobs))
        hydras = _milliseconds(lambda: [loader.load_sweep_config(command.master, job) for job in sample], len(sample))
    seconds = ours * len(jobs) / 1e3
    print(f"{len(jobs)} runs, 5 optimizers x 20 rates x 10 seeds: {seconds:.1f} s of a core before the first starts")
    print(f"compose, check and plan            {ours:6.2f} ms a run   x {ours / hydras:.3f} of Hydra's composition alone")
    print(f"compose                            {alone:6.2f} ms a run   x {alone / hydras:.3f}")
    print(f"Hydra's own composition, {len(sample)} runs   {hydras:6.2f} ms a run")


def _milliseconds(work: Callable[[], object], runs: int) -> float:
    """Of processor time: what else the machine does would only blur it."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / runs * 1e3
