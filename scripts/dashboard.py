"""Write a workspace and a report to Weights & Biases: `python scripts/dashboard.py outputs/<sweep>... [--entity TEAM]`.

Without a login or a network connection, print their definition as JSON and write nothing.
"""

import argparse
import json
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a saved workspace and a report of finished sweeps to W&B.")
    parser.add_argument(
        "sweeps", nargs="+", type=Path, metavar="SWEEP", help="the folder of a sweep, such as outputs/digits_mlp-1a2b3c"
    )
    parser.add_argument("--entity", help="the W&B user or team (default: that of the runs, or your own)")
    arguments = parser.parse_args()
    sweeps: list[Path] = arguments.sweeps

    from descentlab.errors import exit_with
    from descentlab.report.compare import compare
    from descentlab.report.load import load
    from descentlab.report.question import Question
    from descentlab.tracking.dashboard import Dashboard
    from descentlab.tracking.wandb import mode

    try:
        asked, results = Question.read(sweeps), load(sweeps)
        dashboard = Dashboard(results, compare(results, asked.by, asked.reference, asked.margin), arguments.entity)
    except (OSError, ValueError) as error:
        exit_with("dashboard", error)
    if mode() != "online":
        print(json.dumps(dashboard.definition(), indent=1))
        print("Weights & Biases is offline (no key, or WANDB_MODE): nothing was written", file=sys.stderr)
        return
    try:
        addresses = dashboard.save()
    except Exception as error:  # of the network, of the server, of permissions
        sys.exit(f"dashboard: {type(error).__name__}: {error}")
    print("\n".join(addresses))


if __name__ == "__main__":
    main()
