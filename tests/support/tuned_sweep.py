"""A tuned sweep with its manifest, in the format of real ones, without training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from descentlab.store.manifest import Arm, Manifest, Trial
from descentlab.store.record import Record

TUNING_SEED = 1000
NOISE = (0.0, 0.004, -0.003, 0.002, -0.001)  # of each seed, shared by all optimizers
OWN_NOISE = (0.0005, -0.0004, 0.0002, -0.0001, 0.0003)  # times the position of the optimizer


def write_tuned(
    make_run: Callable[..., Record],
    sweep: Path,
    scores: Mapping[str, float],
    *,
    trials: int = 4,
    seeds: int = 5,
    problem: str = "digits_mlp",
    unfinished: Sequence[str] = (),
) -> Path:
    """Write a tuned sweep of one problem, or add another problem to it, and return its folder.

    Of the trials, the second is the best. The runs of the selected and the default settings (worse by .05) have the seeds 0, 1,
    ...; those of the trials have the seed 1000.

    Args:
        make_run: the fixture that writes a run.
        sweep: the folder.
        scores: the mean test accuracy of each optimizer at its selected settings.
        trials: the number of trials of each optimizer.
        seeds: the number of report seeds.
        problem: the problem.
        unfinished: the optimizers that have trials only.
    """
    known = Manifest.read(sweep)
    arms = list(known.arms) if known else []
    for position, (name, score) in enumerate(scores.items()):

        def run(lr: float, shift: float, seed: int, name: str = name, score: float = score, position: int = position) -> str:
            value = score + shift + NOISE[seed % TUNING_SEED] + position * OWN_NOISE[seed % TUNING_SEED]
            summary = {"best_valid": value - 0.01, "test": {"accuracy": value}, "steps": 100}
            return make_run(name, sweep=sweep.name, problem=problem, seed=seed, lr=lr, summary=summary).id

        shifts = {10.0 ** -(index + 1): -0.01 * abs(index - 1) for index in range(trials)}  # by learning rate
        tried = [
            Trial(index, {"optimizer.lr": lr}, [run(lr, shift, TUNING_SEED)], score + shift - 0.01)
            for index, (lr, shift) in enumerate(shifts.items())
        ]
        arm = Arm(name, problem, name, [], {"optimizer.lr": [1e-5, 0.1]}, tried)
        if name not in unfinished:
            report = [run(0.01, 0.0, seed) for seed in range(seeds)]
            default = [run(0.5, -0.05, seed) for seed in range(seeds)]
            arm = Arm(name, problem, name, [], arm.space, tried, 1, report, default)
        arms.append(arm)
    Manifest("sobol", "scipy 1", 0, [TUNING_SEED], list(range(seeds)), arms).write(sweep)
    return sweep
