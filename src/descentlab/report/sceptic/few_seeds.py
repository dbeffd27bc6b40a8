"""Too few seeds: entries with a single run, and optimizers that more seeds would tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from descentlab.report.answer import Answer, Flag, Pair
from descentlab.report.statement import join_words, seeds_override
from descentlab.report.statistics.equivalence import Kind

ORDER = 5
SUGGESTED = 5  # seeds, for entries that have one


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for entries with a single completed run, and one for undecided pairs with the seeds that would decide."""
    single = [entry.name for entry in answer.entries if len(entry.completed) == 1]
    if single:
        yield Flag(
            "few_seeds",
            f"Too few seeds: a single completed run of {join_words(single)} shows nothing about other seeds; "
            f"train more with {seeds_override(answer, SUGGESTED)}.",
            single[0] if len(single) == 1 else "",
        )
    undecided = [pair for pair in answer.pairs if pair.conclusion is not None and pair.conclusion.kind == "undecided"]
    if undecided:
        yield Flag("few_seeds", _message(answer, undecided), undecided[0].other.name if len(undecided) == 1 else "")


def _message(answer: Answer, undecided: Sequence[Pair]) -> str:
    n = min(pair.difference.n for pair in undecided if pair.difference is not None)
    needed = [pair.conclusion.needed for pair in undecided if pair.conclusion is not None]
    known = sorted({each for each in needed if each is not None})
    if not known:
        advice = "more than 10,000 seeds would be needed"
    elif len(known) == len(set(needed)):
        most = f"about {known[0]}" if len(known) == 1 else f"about {known[0]} to {known[-1]}"
        equal = all(pair.conclusion is not None and pair.conclusion.needed_for is Kind.EQUAL for pair in undecided)
        purpose = "show that they are practically equal" if equal else "do"
        advice = f"{most} seeds would {purpose} ({seeds_override(answer, known[-1])})"
    else:
        advice = f"about {known[0]} seeds or more would be needed"
    first = list(dict.fromkeys(pair.entry.name for pair in undecided))
    others = join_words(list(dict.fromkeys(pair.other.name for pair in undecided)))
    return f"Too few seeds to tell {join_words(first)} from {others} with n = {n}: {advice}."
