"""Build the report of finished sweeps: `python scripts/report.py outputs/<sweep>... [--out FOLDER]`."""

import argparse
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the report page and the tables of one or more sweeps.")
    parser.add_argument(
        "sweeps", nargs="+", type=Path, metavar="SWEEP", help="the folder of a sweep, such as outputs/digits_mlp-1a2b3c"
    )
    parser.add_argument("--out", type=Path, help="output folder (default: the sweep, or outputs/report for several)")
    arguments = parser.parse_args()
    sweeps: list[Path] = arguments.sweeps
    out: Path = arguments.out or (sweeps[0] if len(sweeps) == 1 else Path("outputs/report"))

    from descentlab.report import page, tables
    from descentlab.report.compare import compare
    from descentlab.report.load import load
    from descentlab.report.question import Question
    from descentlab.tracking.summary import write_summary

    try:
        asked, results = Question.read(sweeps), load(sweeps)
        answers = compare(results, asked.by, asked.reference, asked.margin)
        path = page.write(results, answers, out)
    except (OSError, ValueError) as error:
        sys.exit(f"report: {error}")
    tables.show_answers(answers, tables.make_console())
    print(path)
    if message := write_summary(results, answers, path):
        print(message, file=sys.stderr)


if __name__ == "__main__":
    main()
