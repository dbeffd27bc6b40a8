"""Draw learning-rate schedules: `python scripts/schedules.py [schedule=cosine schedule.warmup=0.1 ...] [--html PATH]`.

Without schedule=..., all of them; schedule=cosine,linear draws two. budget.steps sets the length.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from descentlab.optim.schedules import Schedule
    from descentlab.report.drawing.schedule_figure import ScheduleCurve

CONF = Path(__file__).resolve().parent.parent / "conf"
STEPS = 1000  # if budget.steps is not set
VALIDATIONS = 20  # of a run whose metric never improves, for schedules that follow it


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw learning-rate schedules, in the terminal and as a page.")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="as for train.py: schedule=cosine schedule.warmup=0.1")
    parser.add_argument("--html", type=Path, metavar="PATH", help="also write a page")
    arguments = parser.parse_intermixed_args()

    from descentlab.errors import UsageError
    from descentlab.report.drawing import schedule_figure

    try:
        drawn = [curve for line in lines(arguments.words) for curve in curves(line)]
        print(schedule_figure.terminal(drawn))
        if arguments.html:
            arguments.html.write_text(schedule_figure.page(drawn), encoding="utf-8")
            print(f"\n{arguments.html}")
    except UsageError as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}")


def refuse(message: str) -> None:
    """Print an error message and exit with code 2."""
    print(f"schedules.py: {message}", file=sys.stderr)
    sys.exit(2)


def lines(words: Sequence[str]) -> Iterator[list[str]]:
    """Yield the overrides of each schedule that `words` select."""
    chosen = [word for word in words if word.startswith("schedule=")]
    others = [word for word in words if word not in chosen]
    names = chosen[-1].removeprefix("schedule=").split(",") if chosen else sorted(p.stem for p in CONF.glob("schedule/*.yaml"))
    yield from ([f"schedule={name}", *others] for name in names)


def curves(words: Sequence[str]) -> Iterator["ScheduleCurve"]:
    """Yield the curve of multipliers of the schedule of one command line, and that of momenta if it has them.

    Raises:
        UsageError: if the configuration is invalid.
    """
    from hydra.utils import instantiate

    from descentlab.config.compose import compose_here
    from descentlab.config.explain import COMPOSITION_ERRORS, explain
    from descentlab.config.resolve import resolve
    from descentlab.errors import UsageError
    from descentlab.report.drawing.schedule_figure import ScheduleCurve

    try:
        composed = compose_here(CONF, *words)
        plain, mistakes = resolve(composed.config, composed.choices)
        if mistakes:
            raise UsageError("\n".join(mistakes))
        schedule: Schedule = instantiate(plain["schedule"], _convert_="all")
    except COMPOSITION_ERRORS as error:
        raise UsageError(explain(error, words)) from error

    total, name = plain["budget"]["steps"] or STEPS, composed.choices["schedule"]
    settings = ", ".join(f"{key}={value}" for key, value in plain["schedule"].items() if key != "_target_")
    if schedule.state_dict():
        settings += f"; drawn as if none of {VALIDATIONS} validations improved"
    values, momenta = over(schedule, total)
    yield ScheduleCurve(name, values, settings=settings)
    if momenta[0] is not None:
        yield ScheduleCurve(name, momenta, momentum=True)


def over(schedule: "Schedule", total: int) -> tuple[list[float], list[float]]:
    """Return the multipliers and momenta of a run of `total` steps whose validations are all equal."""
    values, momenta = [], []
    for step in range(total):
        if step % max(1, total // VALIDATIONS) == 0:
            schedule.observe(0.0)
        values.append(schedule(step, total))
        momenta.append(schedule.momentum(step, total))
    return values, momenta


if __name__ == "__main__":
    main()
