"""The answer over several problems: average ranks, and the number of problems on which each optimizer is the best."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.answer import Answer, entry_named
from descentlab.report.formats import format_p
from descentlab.report.statement import join_words, statement
from descentlab.report.statistics.ranks import Ranks, rank_over_problems

MAX_NAMES = 6


def overall_ranks(answers: Sequence[Answer]) -> Ranks | None:
    """Return the ranks of the entries over the problems; None with fewer than two problems or two entries on all of them.

    Entries are matched by name; those that are not on every problem are left out. As in each answer, entries with a diverged
    run rank after the others, and those without a value last.
    """
    answers = [answer for answer in answers if answer.best.estimate is not None]  # a problem without values ranks nothing
    names = [entry.name for entry in answers[0].entries] if answers else []
    common = [name for name in names if all(entry_named(answer.entries, name) for answer in answers)]
    return rank_over_problems({name: [_score(answer, name) for answer in answers] for name in common})


def _score(answer: Answer, name: str) -> float:
    """Return the negative position of an entry in its answer; entries with equal means share the first of their positions."""
    means = {entry.name: entry.estimate and entry.estimate.mean for entry in answer.entries}
    return -float(list(means.values()).index(means[name]))


def overall_statement(answers: Sequence[Answer]) -> str:
    """Return a sentence about all problems; "" if `overall_ranks` is None."""
    ranks = overall_ranks(answers)
    if ranks is None:
        return ""
    (best, rank), *others = ranks.average.items()
    firsts = [name for name in ranks.average if ranks.average[name] == rank]
    listed = [f"{name} {each:.2f}" for name, each in others[:MAX_NAMES]]
    more = f", and {len(others) - MAX_NAMES} more" if len(others) > MAX_NAMES else ""
    if len(firsts) > 1:
        head = f"{join_words(firsts)} share the best average rank, {rank:.2f}"
    else:
        head = f"{best} has the best average rank, {rank:.2f} ({', '.join(listed)}{more})"
    wins = join_words([f"{name} {count}" for name, count in ranks.wins.items() if count])
    return (
        f"Over {ranks.problems} problems {head}; problems won: {wins}. Friedman's test: {format_p(ranks.p_permutation)}, "
        f"n = {ranks.problems} problems."
    )


def statements(answers: Sequence[Answer]) -> list[str]:
    """Return the statement of each answer, and of several problems the one over all."""
    lines = [f"{problem_prefix(answer, answers)}{statement(answer)}" for answer in answers]
    return [*lines, *filter(None, [overall_statement(answers)])]


def problem_prefix(answer: Answer, answers: Sequence[Answer]) -> str:
    """Return the name of the problem with a colon; "" if there is one problem."""
    return f"{answer.comparison.name}: " if len(answers) > 1 else ""
