"""The cost of one more run of a sweep beyond its training, against Hydra's own launchers on the same runs.

A run trains one step. The cost is the difference between a long and a short sweep over the difference in runs, so that
start-up and the first import cancel. The memory is the peak of the parent process, at both lengths. Hydra's launchers train
all runs in one process (basic) or in two persistent ones (joblib), where every import happens once; descentlab gives each
run a process.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.measure import LOGGERS, ROOT, Options, interleave, ratios, spread, time_sweep
from benchmarks.table import Table

LENGTHS = (2, 100)
APP = '''
import sys
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(config_path={conf!r}, config_name="train", version_base="1.3")
def main(config):
    """Train one run in the process that Hydra's launcher provides."""
    from descentlab.config.composed import Composed
    from descentlab.run import main as train
    from descentlab.store.interruption import Interruption
    from descentlab.sweeps.launch import checked_plan
    own = HydraConfig.get()
    job, = checked_plan([Composed(config, own.runtime.choices, own.overrides.task)])
    job.save()
    if train(job.folder, Interruption()):
        sys.exit("a run failed")

main()
'''
NOTES = (
    "Wall seconds per run of one step, (sweep of {long} runs - sweep of {short} runs) / {runs}; median and quartiles over "
    "{rounds} interleaved rounds. `memory` is the peak of the parent process in the short and the long sweep."
)


def measure(options: Options) -> Table:
    """Return the table of seconds per run and the parent's memory."""
    rounds = options.rounds or 3
    short, long = (1, 2) if options.quick else LENGTHS
    notes = NOTES.format(short=short, long=long, runs=long - short, rounds=rounds)
    table = Table(
        "Cost of a run of a sweep", notes, ["logger", "launcher", "s per run", "ratio of descentlab to it", "memory, MB"]
    )
    with tempfile.TemporaryDirectory() as folder:
        commands = _commands(Path(folder))
        if options.quick:
            commands = dict(list(commands.items())[:2])  # descentlab and one of Hydra's
        for logger in ("none",) if options.quick else LOGGERS:
            _measure_logger(table, logger, commands, (short, long), rounds)
    return table


def _commands(folder: Path) -> dict[str, list[str]]:
    """Return the command of each launcher."""
    app = folder / "app.py"
    app.write_text(APP.format(conf=str(ROOT / "conf")))
    hydras = [str(app), "hydra/sweeper=basic"]
    commands = {"descentlab": [str(ROOT / "train.py")], "Hydra, basic": [*hydras, "hydra/launcher=basic"]}
    if importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher"):
        commands["Hydra, joblib, 2 at a time"] = [*hydras, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    return commands


def _measure_logger(table: Table, logger: str, commands: dict[str, list[str]], lengths: tuple[int, int], rounds: int) -> None:
    """Add a row for each launcher under `logger`."""
    peaks: dict[str, tuple[float, float]] = {}

    def cost(way: str) -> float:
        (short, small), (long, large) = (_sweep(commands[way], runs, logger) for runs in lengths)
        peaks[way] = small, large
        return (long - short) / (lengths[1] - lengths[0])

    ways: dict[str, Callable[[], float]] = {way: partial(cost, way) for way in commands}
    costs = interleave(ways, rounds)
    for way, values in costs.items():
        ratio = "reference" if way == "descentlab" else spread(ratios(costs["descentlab"], values))
        table.add(logger, way, spread(values, 3), ratio, "{:.0f}, {:.0f}".format(*peaks[way]))


def _sweep(words: Sequence[str], runs: int, logger: str) -> tuple[float, float]:
    """Return the wall seconds and the parent's peak memory in MB of a sweep of `runs` runs."""
    steps = (f"seed=range({runs})", "budget.epochs=null", "budget.steps=1")
    return time_sweep([words[0], "-m", *words[1:], *steps], runs, logger, lambda parent: [parent])
