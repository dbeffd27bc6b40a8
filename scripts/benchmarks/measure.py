"""Interleaved repeats of competing implementations, their medians and quartiles, and the processes that they run in."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from descentlab.store.record import find

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


def time_sweep(
    words: Sequence[str],
    runs: int,
    logger: str,
    processes: Callable[[int], Sequence[int]],
    variables: Mapping[str, str] | None = None,
) -> tuple[float, float]:
    """Return the wall seconds of a sweep from the command to the report, and a peak of memory in MB.

    Args:
        words: the script and its arguments, without where it reads and writes.
        runs: how many runs the sweep has.
        logger: one of LOGGERS.
        processes: id of the sweep's process -> ids of the processes whose memory is measured; the peak is that of the largest.
        variables: of the environment, besides those of the logger.

    Raises:
        SystemExit: the sweep failed, or a run has no result; the end of the output is the message.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, peak = Path(name), 0.0
        places = (f"output_dir={folder / 'outputs'}", f"data_dir={ROOT / 'data'}", "sweep=benchmark", f"logger={logger}")
        began = time.perf_counter()
        with _started([*words, *places], folder, {**LOGGERS[logger], **(variables or {})}) as process:
            while process.poll() is None:
                peak = max([peak, *map(_peak, processes(process.pid))])
                time.sleep(SAMPLE_EVERY)
        seconds = time.perf_counter() - began
        records = find(folder / "outputs" / "benchmark") if process.returncode == 0 else []
        if sum(record.status.is_result for record in records) != runs:
            sys.exit(f"{' '.join(words)} did not train:\n{(folder / 'log.txt').read_text()[-2000:]}")
        return seconds, peak


@contextmanager
def _started(words: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start `python words` in a new session that prints to `folder`/log.txt; terminate the session on exit."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    with (folder / "log.txt").open("wb") as log:
        command = [sys.executable, *words]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()


def _peak(pid: int) -> float:
    """Return the peak memory of process `pid` so far in MB, 0 where the system does not report it.

    (The figure of wait4 includes the memory of the forking process and of its children.)
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


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
