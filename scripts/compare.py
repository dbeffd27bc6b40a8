"""Compare the optimizers of finished sweeps: `python scripts/compare.py outputs/<sweep>... [--reference adam] [--by ...]`."""

import argparse
from pathlib import Path

BY = "test/NAME, valid/NAME, train/loss, steps_to_target, seconds_to_target, gradient_evaluations_to_target or train_seconds"


def main() -> None:
    parser = argparse.ArgumentParser(description="Print which optimizer is best, by how much, how surely and at what cost.")
    parser.add_argument(
        "sweeps", nargs="+", type=Path, metavar="SWEEP", help="the folder of a sweep, such as outputs/digits_mlp-1a2b3c"
    )
    parser.add_argument("--reference", metavar="OPTIMIZER", help="compare the others with it (default: the best of the others)")
    parser.add_argument("--by", metavar="NUMBER", help=f"what is compared: {BY} (default: the monitored metric on test data)")
    parser.add_argument(
        "--margin",
        type=float,
        help="differences below it are practically zero (default: half a standard deviation over seeds)",
    )
    parser.add_argument(
        "--best-reachable",
        action="store_true",
        help="estimate from the trials of tuned sweeps the best validation value that more trials can reach, and how many "
        "hyperparameters matter (noisy quadratic law; takes seconds for each optimizer)",
    )
    arguments = parser.parse_args()

    from descentlab.errors import exit_with
    from descentlab.report import tables
    from descentlab.report.compare import compare
    from descentlab.report.load import load
    from descentlab.report.question import Question
    from descentlab.report.tables.console import wrapped
    from descentlab.report.trials import best_reachable

    sweeps: list[Path] = arguments.sweeps
    try:
        asked = Question.read(sweeps).override(arguments.by, arguments.reference, arguments.margin)
        answers = compare(load(sweeps), asked.by, asked.reference, asked.margin)
    except (OSError, ValueError) as error:
        exit_with("compare", error)
    console = tables.make_console()
    tables.show_answers(answers, console)
    for answer in answers if arguments.best_reachable else []:
        for line in best_reachable(answer):
            console.print(wrapped(line, console.width), markup=False)


if __name__ == "__main__":
    main()
