"""Measure the cost of steps, runs, sweeps, composition (as ratios to other implementations) and reports on this machine.

    python scripts/benchmark.py [NAME ...] [--problem NAME ...] [--rounds N] [--markdown FILE] [--quick]

steps    one training step against a hand-written PyTorch loop and against plain Lightning        about 20 minutes
runs     a whole command, from process start to report, against a hand-written script             about 20 minutes
compose  composing, validating and planning a run of a sweep, against Hydra's own composition     half a minute
groups   whole sweeps, which are trained in fused groups, and the cost of a further run or step      about 20 minutes
sweep    one more run of a sweep, beyond its training, against Hydra's own launchers              about 6 minutes
report   reading 1,000 and 10,000 finished runs and computing every statistic                     about 2 minutes
diagnostics  training with light and with full probes, against training without any               about 8 minutes

Without a name all seven are measured. Close other programs first. The figures of docs/benchmarks.md come from

    python scripts/benchmark.py --markdown docs/benchmarks.md

which replaces the tables of the parts that were measured and keeps the rest of the page. Every implementation runs in its
own process, with one thread, on the CPU. Repeats are interleaved (A B C A B C ...), so that a slow minute of the machine
affects all of them; ratios are formed within a round, and the table reports their median and quartiles over the rounds.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from benchmarks.measure import Options
from benchmarks.table import Table, machine, with_block

NAMES = ("steps", "runs", "compose", "groups", "sweep", "report", "diagnostics")


def main() -> None:
    arguments = parse()
    options = Options(tuple(arguments.problem), arguments.rounds, arguments.quick)
    for name in [name for name in NAMES if name in arguments.names] or NAMES:
        table: Table = importlib.import_module(f"benchmarks.{name}").measure(options)
        table.show()
        if arguments.markdown:
            add_to_page(arguments.markdown, name, table)


def add_to_page(page: Path, name: str, table: Table) -> None:
    """Write `table` and a description of this machine to the block `name` of `page`, which need not exist."""
    text = page.read_text() if page.exists() else "# Benchmarks\n"
    page.write_text(with_block(text, name, f"{table.markdown()}\nMeasured on {machine()}."))


def parse() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all by default")
    parser.add_argument(
        "--problem",
        nargs="+",
        default=(),
        help="problems of dense layers, for steps and runs; steps also takes a 2c2d and a GPT, diagnostics any problem",
    )
    parser.add_argument(
        "--rounds", type=int, help="interleaved repeats (default: 5 for steps, runs and diagnostics, 3 for groups and sweep)"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables to FILE, replacing earlier ones")
    parser.add_argument("--quick", action="store_true", help="one short round: a smoke test whose figures mean nothing")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"unknown benchmark {unknown[0]!r}; choose from {', '.join(NAMES)}")
    if arguments.quick:
        arguments.problem, arguments.rounds = arguments.problem[:1] or ["digits_mlp"], 1
    return arguments


if __name__ == "__main__":
    main()
