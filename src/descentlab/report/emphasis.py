"""The statements as HTML: the best optimizer, its number and the conclusion are strong, and intervals are not broken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from descentlab.report.answer import Answer
from descentlab.report.formats import format_estimate
from descentlab.report.names import name_best, name_other
from descentlab.report.overall import overall_ranks, statements
from descentlab.report.relation import relation

UNBROKEN = re.compile(
    r"\[[^\[\]<>]+, [^\[\]<>]+\]|\b[np] (?:=|&lt;) [\d,.]*\d(?: pairs)?"
)  # "[0.97, 0.98]", "n = 5", "p < 0.01"


def emphasised_statements(answers: Sequence[Answer]) -> list[Markup]:
    """Return `overall.statements` as HTML."""
    lines, ranks = statements(answers), overall_ranks(answers)
    parts = [list(_parts(answer)) for answer in answers]
    parts += [[] if ranks is None else [next(iter(ranks.average))]]
    return [_emphasised(line, own) for line, own in zip(lines, parts, strict=False)]


def _parts(answer: Answer) -> Iterator[str]:
    """Yield the strong parts of a statement in their order, such as "adam (lr=0.01)", "0.98" and "better than sgd by 0.05"."""
    best = answer.best
    if best.estimate is None:
        return
    yield name_best(best)
    yield format_estimate(best.estimate, answer.by.format).partition(" ")[0]
    clause, pair = relation(answer), answer.headline
    if pair is not None:
        name = re.escape(name_other(pair.other if pair.entry is best else pair.entry))
        found = re.match(rf"[a-z ]+ (?:than|from|to) {name}(?: by [^ ,]+)?", clause)
        if found:
            yield found.group()


def _emphasised(line: str, parts: Sequence[str]) -> Markup:
    """Return `line` as HTML, with the first occurrence of each part after the one before as strong text."""
    done, rest = Markup(""), line
    for part in parts:
        before, found, after = rest.partition(part)
        if found:
            done, rest = done + escape(before) + Markup("<strong>{}</strong>").format(found), after
    return Markup(UNBROKEN.sub(r'<span class="unbroken">\g<0></span>', str(done + escape(rest))))
