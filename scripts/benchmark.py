"""Measures what things cost on this machine, each beside other ways to do them, and prints ratios.

    python scripts/benchmark.py [steps [problem ...]] [compose] [sweep]

steps: microseconds a training step. compose: milliseconds to compose, check and plan a run of a sweep. sweep: seconds that a
run of a sweep costs beyond its training. Without an argument: all three, about ten minutes.
"""

from __future__ import annotations

import importlib
import sys

NAMES = ("steps", "compose", "sweep")


def main(words: list[str]) -> None:
    if {"-h", "--help"} & set(words):
        sys.exit(__doc__)
    wanted = [name for name in NAMES if name in words]
    problems = [word for word in words if word not in NAMES]
    if problems and "steps" not in wanted:
        sys.exit(f"{problems[0]}: there is no such benchmark; {', '.join(NAMES)} are (problems follow the word steps)")
    for name in wanted or NAMES:
        importlib.import_module(f"benchmarks.{name}").main(problems)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
