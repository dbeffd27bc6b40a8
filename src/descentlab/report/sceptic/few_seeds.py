"""Too few seeds: entries with a single run, and optimizers that more seeds would tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from descentlab.report.answer import Answer, Flag, Pair
from descentlab.report.criterion import is_test_function
from descentlab.report.relation import format_needed
from descentlab.report.statement import join_words, seeds_override
from descentlab.report.statistics.equivalence import MOST

ORDER = 50
SUGGESTED = 5  # seeds, for entries that have one


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for entries with a single completed run, and one for undecided pairs with the seeds that would decide.

    On a test function, whose start is fixed and whose gradients have no noise, a single run is not flagged.
    """
    single = [entry.name for entry in answer.entries if len(entry.completed) == 1]
    if single and not is_test_function(answer.comparison):
        yield Flag(
            "few_seeds",
            f"Too few seeds: a single completed run of {join_words(single)} shows nothing about other seeds; "
            f"train more with {seeds_override(answer, SUGGESTED)}.",
            single[0] if len(single) == 1 else "",
        )
    undecided = [pair for pair in answer.pairs if pair.conclusion is not None and pair.conclusion.kind == "undecided"]
    if undecided:
        subject = undecided[0].other.name if len(undecided) == 1 else ""
        yield Flag("few_seeds", _message(answer, sorted(undecided, key=_needed, reverse=True)), subject)


def _needed(pair: Pair) -> int:
    """Return the number of seeds that would decide a pair; MOST + 1 if it is larger than MOST."""
    needed = None if pair.conclusion is None else pair.conclusion.needed
    return MOST + 1 if needed is None else needed


def _message(answer: Answer, undecided: Sequence[Pair]) -> str:
    """Return the sentence about undecided pairs, given in descending order of the number of seeds that would decide."""
    n = min(pair.difference.n for pair in undecided if pair.difference is not None)
    common = undecided[0].other if answer.is_named else undecided[0].entry
    numbers = {(pair.entry if answer.is_named else pair.other).name: _needed(pair) for pair in undecided}
    return f"Too few seeds to tell {common.name} from {join_words([*numbers])} with n = {n}: {_advice(answer, numbers)}."


def _advice(answer: Answer, numbers: dict[str, int]) -> str:
    """Return the number of seeds that would decide each comparison, and the override for the largest of these numbers."""
    known = [number for number in numbers.values() if number <= MOST]
    if not known:
        return f"more than {MOST:,} seeds would be needed"
    override = seeds_override(answer, known[0])
    if len(set(numbers.values())) == 1:
        return f"{format_needed(known[0])} ({override})"
    (hardest, most), *others = numbers.items()
    head = format_needed(most) if most <= MOST else f"more than {MOST:,} seeds would be needed"
    rest = join_words(
        [f"{number:,} for {name}" if number <= MOST else f"more than {MOST:,} for {name}" for name, number in others]
    )
    decided = "all" if len(known) == len(numbers) else next(name for name, number in numbers.items() if number <= MOST)
    return f"{head} for {hardest}, {rest} ({override} for {decided})"
