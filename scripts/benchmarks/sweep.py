"""Measures what a run of a sweep costs beyond its training, beside Hydra's own launchers on the same runs.

A run here trains one step. What one more run costs is the difference between a long and a short sweep over the difference
in runs, so that start-up and the first import cancel; what the parent holds is its own peak memory, at both lengths.
Hydra's launchers train all runs in one process (basic) or in two that live on (joblib), where every import happens once;
descentlab gives each a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from descentlab.config.machine import cores
from descentlab.store.record import find

ROOT = Path(__file__).resolve().parent.parent.parent
SHORT, LONG = 2, 100
LOGGERS = {"none": {}, "wandb": {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}}
APP = '''
import sys
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(config_path={conf!r}, config_name="train", version_base="1.3")
def main(config):
    """What one run does, in the process that Hydra's launcher gives it."""
    from descentlab.run import main as train
    from descentlab.sweeps.compose import Composed
    from descentlab.sweeps.launch import checked_plan
    own = HydraConfig.get()
    job, = checked_plan([Composed(config, own.runtime.choices, own.overrides.task)])
    job.save()
    if train(job.folder):
        sys.exit("a run failed")

main()
'''


def main(_: Sequence[str] = ()) -> None:
    print(f"seconds a run of one step, ({LONG} runs - {SHORT} runs) / {LONG - SHORT}, and the peak memory of the parent")
    for logger, variables in LOGGERS.items():
        ours = _measure("descentlab", [str(ROOT / "train.py")], min(cores(), LONG), logger, variables)
        with tempfile.TemporaryDirectory() as folder:
            app = Path(folder) / "app.py"
            app.write_text(APP.format(conf=str(ROOT / "conf")))
            hydras = [str(app), "hydra/sweeper=basic"]
            _measure("Hydra, basic", [*hydras, "hydra/launcher=basic"], 1, logger, variables, ours)
            if importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher"):
                words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
                _measure("Hydra, joblib", [*hydras, *words], 2, logger, variables, ours)
            else:
                print("Hydra, joblib: skipped, hydra-joblib-launcher is not installed (it is in the dev group)")


def _measure(
    way: str, words: list[str], at_a_time: int, logger: str, variables: dict[str, str], reference: float | None = None
) -> float:
    """Print a line for one way to train the runs; returns seconds a run."""
    (short, small), (long, large) = (_sweep(words, runs, logger, variables) for runs in (SHORT, LONG))
    cost = (long - short) / (LONG - SHORT)
    ratio = f"   descentlab is x {reference / cost:.2f} of it" if reference else ""
    name = f"{way}, {at_a_time} at a time"
    print(f"logger={logger:6} {name:27} {cost:6.3f} s a run   {small:4.0f} -> {large:4.0f} MB{ratio}", flush=True)
    return cost


def _sweep(words: list[str], runs: int, logger: str, variables: dict[str, str]) -> tuple[float, float]:
    """Wall seconds and the parent's peak MB of a sweep of `runs` runs, all of which must succeed."""
    with tempfile.TemporaryDirectory() as folder:
        steps = (f"seed=range({runs})", "budget.epochs=null", "budget.steps=1")
        places = (f"output_dir={folder}/outputs", f"data_dir={ROOT}/data", "sweep=benchmark", f"logger={logger}")
        began = time.perf_counter()
        with _started([sys.executable, words[0], "-m", *words[1:], *steps, *places], Path(folder), variables) as process:
            peak = 0.0
            while process.poll() is None:
                peak = max(peak, _peak(process.pid))
                time.sleep(0.02)
        seconds = time.perf_counter() - began
        records = find(Path(folder) / "outputs" / "benchmark") if process.returncode == 0 else []
        if sum(record.status.is_result for record in records) != runs:
            sys.exit(f"{' '.join(words)} did not train:\n{(Path(folder) / 'log.txt').read_text()[-2000:]}")
        return seconds, peak


@contextmanager
def _started(command: list[str], folder: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, of which nothing is left afterwards; it prints to `folder`/log.txt."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()


def _peak(pid: int) -> float:
    """The peak memory of process `pid` so far, in MB; 0 where the system does not tell.

    (What wait4 tells counts the memory of whoever forked the process, and of its children.)
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
