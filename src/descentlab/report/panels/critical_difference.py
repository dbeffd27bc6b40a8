"""Critical-difference diagram (Demšar 2006): average ranks over problems, with bars that join undistinguished optimizers."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from descentlab.report.drawing.across import AcrossData
from descentlab.report.drawing.figure import Html
from descentlab.report.formats import format_p
from descentlab.report.overall import overall_ranks
from descentlab.report.statistics.ranks import Ranks

ORDER = 110
NOTE = "Further left is better; optimizers that a bar joins cannot be told apart."
WIDTH, MARGIN = 640, 170  # of the drawing, and on either side of the axis for the names, in pixels
AXIS, ROW, BAR = 46, 20, 9  # height of the axis, of a name's row, of a bar joining optimizers


def draw_across(data: AcrossData) -> Html | None:
    """Draw the panel if at least two optimizers have runs on at least two problems."""
    ranks = overall_ranks(data.answers)
    if ranks is None:
        return None
    colors = {name: data.style(name).ink for name in ranks.average}
    title = f"Critical-difference diagram: average rank over {ranks.problems} problems"
    return Html(title, _svg(ranks, colors) + _caption(ranks), NOTE)


def _caption(ranks: Ranks) -> Markup:
    joined = "A bar joins optimizers whose ranks differ by less than" if ranks.groups else "All ranks differ by at least"
    difference = f"the critical difference, CD = {ranks.critical_difference:.2f} (Nemenyi, {100 * ranks.level:.0f} %)"
    test = f"Friedman's test by permutation: {format_p(ranks.p_permutation)}, n = {ranks.problems} problems"
    return Markup('<p class="soft">{}</p>').format(f"Rank 1 is the best. {joined} {difference}. {test}.")


def _svg(ranks: Ranks, colors: dict[str, str]) -> Markup:
    names, k = list(ranks.average), len(ranks.average)
    x = {name: _x(rank, k) for name, rank in ranks.average.items()}
    bars = [_bar(group, index, x) for index, group in enumerate(ranks.groups)]
    top = AXIS + BAR * (len(ranks.groups) + 1)
    left, right = names[: (k + 1) // 2], names[(k + 1) // 2 :]
    rows = [(name, row, side is left) for side in (left, right[::-1]) for row, name in enumerate(side)]
    labels = [_label(name, ranks.average[name], x[name], top + ROW * row, at_left, colors[name]) for name, row, at_left in rows]
    height = top + ROW * len(left)
    content = Markup("").join([*_axis(k, ranks.critical_difference), *bars, *labels])
    style = 'style="max-width:100%;overflow:visible;font-size:12px" fill="currentColor" stroke="none"'
    spoken = escape("average ranks: " + ", ".join(f"{name} {rank:.2f}" for name, rank in ranks.average.items()))
    head = f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" aria-label="{spoken}" {style}>'
    return Markup(head) + content + Markup("</svg>")


def _x(rank: float, k: int) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * (rank - 1) / (k - 1)


def _line(points: Sequence[tuple[float, float]], color: str = "currentColor", width: float = 1) -> Markup:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup(f'<polyline points="{path}" fill="none" style="stroke: {color}" stroke-width="{width}"/>')


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')


def _axis(k: int, critical: float) -> list[Markup]:
    """Return the axis of the ranks with a tick for each whole rank, and above it the critical difference as a length."""
    step = -(-k // 12)
    drawn = [_line([(_x(1, k), AXIS), (_x(k, k), AXIS)])]
    for rank in range(1, k + 1, step):
        drawn += [_line([(_x(rank, k), AXIS - 4), (_x(rank, k), AXIS)]), _text(_x(rank, k), AXIS - 8, str(rank), "middle")]
    start, end = _x(1, k), min(_x(1 + critical, k), WIDTH - 4)
    ends = [(start, 10), (start, 6), (start, 14), (start, 10), (end, 10), (end, 6), (end, 14)]
    return [*drawn, _line(ends), _text(start - 8, 14, f"CD = {critical:.2f}", "end")]


def _bar(group: Sequence[str], index: int, x: dict[str, float]) -> Markup:
    y = AXIS + BAR * (index + 1)
    return _line([(x[group[0]] - 3, y), (x[group[-1]] + 3, y)], width=4)


def _label(name: str, rank: float, x: float, y: float, at_left: bool, color: str) -> Markup:
    """Return the name with its rank at one side, joined to its position on the axis."""
    edge = MARGIN - 12 if at_left else WIDTH - MARGIN + 12
    text = _text(edge + (-6 if at_left else 6), y + 4, f"{name} {rank:.2f}", "end" if at_left else "start")
    return _line([(x, AXIS), (x, y), (edge, y)], color, 1.5) + text
