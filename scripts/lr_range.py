"""Find a learning rate by a range test: `python scripts/lr_range.py problem=digits_mlp optimizer=adam,sgd [--refine]`.

The rate grows exponentially over short ordinary runs; see docs/lr_range.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

CONF = Path(__file__).resolve().parent.parent / "conf"


def main() -> None:
    arguments = _arguments()

    from descentlab.compat import kill_fork_server
    from descentlab.errors import exit_with

    try:
        _test(arguments)
    except (OSError, ValueError) as error:
        exit_with("lr_range", error)
    finally:
        kill_fork_server()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learning-rate range test: print and draw a rate for each optimizer.")
    parser.add_argument(
        "words", nargs="*", metavar="KEY=VALUE", help="as for train.py -m: problem=digits_mlp optimizer=adam,sgd"
    )
    parser.add_argument("--low", type=float, default=1e-6, help="the rate of the first step (default: 1e-6)")
    parser.add_argument("--high", type=float, default=10.0, help="the rate of the last step (default: 10)")
    parser.add_argument("--steps", type=int, default=200, help="steps of a run (default: 200)")
    parser.add_argument("--seeds", type=int, default=3, help="number of runs, which have different seeds (default: 3)")
    rules = "a tenth of the largest rate with the lowest loss (default), or the rate of steepest descent"
    parser.add_argument("--rule", default="tenth", help=f"tenth or steepest: {rules}")
    parser.add_argument("--refine", action="store_true", help="also find the largest stable constant rate, by bisection")
    return parser.parse_intermixed_args()


def _test(arguments: argparse.Namespace) -> None:
    """Run the tests, print a sentence about each and the path of the page.

    Raises:
        UsageError: a setting or a config is not valid, or a run has no result.
    """
    from descentlab.config.command_line import Command, config_loader
    from descentlab.config.explain import COMPOSITION_ERRORS, explain
    from descentlab.errors import UsageError
    from descentlab.launchers.factory import launcher_factory
    from descentlab.tuning.lr_range.auto import Stopped
    from descentlab.tuning.lr_range.jobs import subject_of
    from descentlab.tuning.lr_range.launch import run_tests, write_pages
    from descentlab.tuning.lr_range.settings import Settings

    values = {key: value for key, value in vars(arguments).items() if key != "words"}
    settings = Settings.checked(**values)
    try:
        with config_loader(CONF) as loader:
            command = Command(loader, arguments.words, multirun=True)
            subjects = {each.key: each for each in (subject_of(command, one) for one in command.combinations())}
            testers = run_tests(command, subjects.values(), settings, launcher_factory(command.launcher, arguments.words))
    except COMPOSITION_ERRORS as error:
        raise UsageError(explain(error, arguments.words)) from None
    except Stopped:
        sys.exit(130)
    for line in (*(tester.panel().sentence for tester in testers), *write_pages(testers)):
        print(line)


if __name__ == "__main__":
    main()
