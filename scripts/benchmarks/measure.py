"""Interleaved repeats of competing implementations, their medians and quartiles, and the processes that they run in."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
LOGGERS = {"none": {}, "wandb": {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}}
VARIABLES = {"OMP_NUM_THREADS": "1", **LOGGERS["wandb"]}
SAMPLE_EVERY = 0.02  # seconds


@dataclass(frozen=True)
class Options:
    """The options of the command that the benchmarks share.

    Args:
        problems: names of conf/problem; empty: the default of the benchmark.
        rounds: interleaved repeats; None: the default of the benchmark.
        quick: measure as little as possible, to test that the benchmark works.
    """

    problems: tuple[str, ...]
    rounds: int | None
    quick: bool


def interleave(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure every way once a round and return the values by way, in the order of rounds."""
    values: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds):
        for way, measure in ways.items():
            values[way].append(measure())
        progress(f"round {number + 1} of {rounds}: " + ", ".join(f"{way} {values[way][-1]:.4g}" for way in ways))
    return values


def progress(message: str) -> None:
    """Report progress on standard error: standard output has the tables alone."""
    print(message, file=sys.stderr, flush=True)


def ratios(values: Sequence[float], reference: Sequence[float]) -> list[float]:
    """Return the ratio of `values` to `reference` within each round."""
    return [value / base for value, base in zip(values, reference, strict=True)]


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third quartile (inclusive method) of `values`."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    first, median, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, median, third


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Format the median of `values` and their quartiles: `1.52 (1.49-1.60)`."""
    first, median, third = quartiles(values)
    return f"{median:.{digits}f} ({first:.{digits}f}-{third:.{digits}f})"


def start(words: Sequence[str], folder: Path) -> str:
    """Run `python words` with the working directory `folder` and return its standard output.

    Raises:
        SystemExit: the process failed; its output is the message.
    """
    environment = {**os.environ, **VARIABLES, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def watch(words: Sequence[str], folder: Path, sample: Callable[[int], None], variables: Mapping[str, str]) -> float:
    """Run `python words` in a session of its own, with the working directory `folder`, and return its wall seconds.

    Args:
        words: the command.
        folder: gets its output, as log.txt.
        sample: called repeatedly with the id of the process.
        variables: of the environment.

    Raises:
        SystemExit: the process failed; its output is the message.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    log = folder / "log.txt"
    began = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *words], stdout=out, stderr=out, cwd=folder, env=environment, start_new_session=True
        )
        try:
            while process.poll() is None:
                sample(process.pid)
                time.sleep(SAMPLE_EVERY)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{log.read_text()[-2000:]}")
    return seconds


def memory(pid: int, field: str) -> float:
    """Return a field of the status of process `pid`, such as VmRSS, in MB; 0 where the system does not report it.

    (The peak that wait4 reports includes the memory of the forking process and of its children.)
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":")), 0.0)


def train(folder: Path, problem: str, *overrides: str, multirun: bool = False) -> list[dict[str, Any]]:
    """Run `train.py` on `problem` under Adam, with outputs in `folder`, and return the records of its runs.

    Raises:
        SystemExit: the command failed, or a run did not complete.
    """
    places = (f"output_dir={folder}", f"data_dir={ROOT / 'data'}", "sweep=benchmark")
    flags = ("-m",) if multirun else ()
    command = (str(ROOT / "train.py"), *flags, f"problem={problem}", "optimizer=adam", "trainer=cpu", *places, *overrides)
    folder.mkdir(exist_ok=True)
    start(command, folder)
    records = [
        json.loads(path.read_text()) | {"folder": path.parent} for path in sorted(folder.glob("benchmark/*/record.json"))
    ]
    if not records or any(record["status"] != "completed" for record in records):
        sys.exit(f"{' '.join(command)}: not every run completed")
    return records
