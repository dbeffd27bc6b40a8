"""The Python interface: train a sweep, load finished ones as polars frames, compare their optimizers. Never imports torch."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from descentlab.report.frames import Sweeps
from descentlab.report.question import Question

CONF = Path(__file__).parents[2] / "conf"  # of the repository, in which the package is installed

Folder = str | PathLike[str]


def train(*overrides: str, conf_dir: Folder = CONF) -> Sweeps:
    """Train a sweep as ``python train.py -m`` does, and return its results.

    The configs are validated, a trial step is taken, each run trains in a separate process, finished runs are reused, and the
    report is written into the sweep's folder. Call it below ``if __name__ == "__main__":``, because the processes of the runs
    import the script.

    Args:
        overrides: the words of the command line, such as "optimizer=adam,sgd" and "seed=range(5)", or
            "hydra/sweeper=tune" and "trials=16".
        conf_dir: the folder of the config groups.

    Returns:
        the results of the whole sweep; with ``sweep=NAME`` also those of earlier commands with this name.

    Raises:
        UsageError: a config is not valid, or cannot work; nothing was started.
        FileNotFoundError: the command was stopped before a run ended.
    """
    from descentlab.config.command_line import Command, config_loader
    from descentlab.config.explain import COMPOSITION_ERRORS, explain
    from descentlab.errors import UsageError
    from descentlab.launchers.factory import launcher_factory
    from descentlab.sweeps.launch import launch
    from descentlab.sweeps.table import launch_table
    from descentlab.tuning.launch import tune
    from descentlab.tuning.lr_range.auto import with_rates

    try:
        with config_loader(Path(conf_dir)) as loader:
            command = Command(loader, overrides, multirun=True)
            if command.has_table:
                return load(launch_table(command))
            make_launcher = launcher_factory(command.launcher, overrides)
            if command.is_tuner:
                records, _ = tune(command, make_launcher)
            else:
                records = launch(with_rates(command, make_launcher), make_launcher)
    except COMPOSITION_ERRORS as error:
        raise UsageError(explain(error, overrides)) from None
    folders = {Path(record.config["output_dir"]) / record.sweep: None for record in records}
    if not folders:
        raise FileNotFoundError("the sweep was stopped before a run ended: call train again to resume it")
    return load(folders)


def load(folders: Folder | Iterable[Folder]) -> Sweeps:
    """Return the results of finished sweeps.

    Args:
        folders: the folder of a sweep, such as "outputs/digits_mlp-1a2b3c", or several.

    Raises:
        FileNotFoundError: a folder does not exist or contains no readable record.
    """
    return compare(folders)


def compare(
    folders: Folder | Iterable[Folder], *, by: str | None = None, reference: str | None = None, margin: float | None = None
) -> Sweeps:
    """Return the results of finished sweeps, with their optimizers compared by a chosen number with a chosen one.

    An argument that is None keeps what the command specified that trained the first of the sweeps (its node ``report``).

    Args:
        folders: as for `load`.
        by: the number that is compared, as ``report.by``: "test/accuracy", "valid/loss", "train/loss", "steps_to_target",
            "seconds_to_target", "train_seconds"; by default the monitored metric on test data, or without any on validation
            data.
        reference: the optimizer with which the others are compared; by default the best of the others.
        margin: differences below it are practically zero, in the unit of the number; by default half a standard deviation
            over seeds.

    Raises:
        FileNotFoundError: a folder does not exist or contains no readable record.
        UsageError: the number or the optimizer is unknown.
    """
    from descentlab.report.load import load as load_results

    paths = [Path(folders)] if isinstance(folders, str | PathLike) else [Path(folder) for folder in folders]
    return Sweeps(load_results(paths), Question.read(paths).override(by, reference, margin))
