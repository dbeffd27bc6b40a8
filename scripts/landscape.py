"""Analyse the loss around the ends of finished runs: `python scripts/landscape.py outputs/SWEEP/RUN [outputs/SWEEP/OTHER]`.

The runs must have kept their weights (checkpoint.keep=true); the panels are on the pages of the sweep and of the run. See
docs/landscape.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    arguments = _arguments()

    from descentlab.errors import exit_with

    try:
        _analyse(arguments)
    except (OSError, ValueError) as error:
        exit_with("landscape", error)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Slices of the loss through the end of a run, or interpolation between two runs."
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run; two to interpolate between their ends"
    )
    parser.add_argument("--points", type=int, default=21, help="evaluations along each direction (default: 21)")
    parser.add_argument(
        "--reach", type=float, default=1.0, help="extent of random directions, in norms of the filters (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of random directions (default: 0)")
    split = "default: train for slices, valid for interpolation"
    parser.add_argument(
        "--split", choices=("train", "valid", "test"), help=f"the data on which the loss is evaluated ({split})"
    )
    parser.add_argument(
        "--critical-points", action="store_true", help="search critical points of the training loss from each snapshot instead"
    )
    parser.add_argument("--decay", type=float, default=0.01, help="coefficient of |w|^2 / 2 in that loss (default: 0.01)")
    arguments = parser.parse_args()
    if len(arguments.runs) > 2:
        parser.error("one run, or two")
    if len(arguments.runs) == 2 and arguments.critical_points:
        parser.error("--critical-points is for one run")
    if arguments.points < 3:
        parser.error("--points is at least 3")
    return arguments


def _analyse(arguments: argparse.Namespace) -> None:
    from descentlab.training import landscape
    from descentlab.training.critical_points import critical_points
    from descentlab.training.end_distance import end_distance
    from descentlab.training.finished import load_finished

    runs = [load_finished(folder) for folder in arguments.runs]
    if len(runs) == 2:
        found = landscape.connect(runs[0], runs[1], arguments.points, arguments.split or "valid")
        heights = ", ".join(f"{name} {height:.4g}" for name, height in found["barriers"].items())
        print(f"{runs[0].job.name} to {runs[1].job.name}: height of the barrier: {heights} ({found['split']} data)")
        print(f"distance of the ends: {end_distance(runs[0], runs[1]):.3g} times the way of {runs[0].job.name}")
        return
    if arguments.critical_points:
        for each in critical_points(runs[0], arguments.decay):
            kind = f"{each['index']:.1%} negative eigenvalues" if each["is_critical"] else "no critical point found"
            print(f"from step {each['step']}: loss {each['loss']:.4g}, |gradient| {each['gradient_norm']:.1e}, {kind}")
        return
    own = (arguments.points, arguments.reach, arguments.seed, arguments.split or "train")
    line = landscape.cut_line(runs[0], *own)
    print(f"line: loss {min(line['loss']):.4g} to {max(line['loss']):.4g}, at the end {line['loss'][len(line['x']) // 2]:.4g}")
    plane = landscape.cut_plane(runs[0], *own)
    shares = " and ".join(f"{share:.0%}" for share in plane["explained"])
    basis = (
        f"principal directions of the trajectory, which explain {shares}" if shares else "random filter-normalized directions"
    )
    print(f"plane: {basis}")
    print("python scripts/report.py " + str(runs[0].job.folder))


if __name__ == "__main__":
    main()
