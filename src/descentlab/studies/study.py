"""A study: the claim of a source, the runs that it needs, and the checks that decide about it, read from one YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from descentlab.errors import UsageError, nearest

FIRST_SEED = 2000  # seeds below 1000 report in sweeps, those from 1000 tune


@dataclass(frozen=True)
class Selection:
    """How the best point of the grid of each arm is selected.

    Attributes:
        quantity: what is compared; its mean over seeds decides.
        goal: the better direction.
        extend: how often the grid of an arm is extended by one value if its best point is the lowest or the highest.
    """

    quantity: Any
    goal: Literal["min", "max"] = "min"
    extend: int = 2


@dataclass(frozen=True)
class Seeds:
    """The numbers of seeds.

    Attributes:
        report: seeds of the runs that the checks read.
        select: seeds of the runs that select a point of the grid; they are other seeds.
    """

    report: int = 1
    select: int = 1


@dataclass(frozen=True)
class Arm:
    """A set of runs that the checks refer to by its name.

    Attributes:
        name: its name.
        words: overrides, after those that all arms share.
        grid: dotted config key -> values. With a selection, the best point is selected; without, every point is a run.
        over: dotted config key -> values, for each of which the arm has runs. A check sees the value of its first key as `x`.
        table: dotted config key -> values as in a command, such as logspace(-3,0,128). With each seed, the runs of the arm are
            a table (records=table), without `grid` and `over`.
    """

    name: str
    words: Sequence[str]
    grid: Mapping[str, Sequence[Any]]
    over: Mapping[str, Sequence[Any]]
    table: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A study, as its file describes it.

    Attributes:
        name: the option of the config group `study`, such as "paper/adam_fig1".
        source: authors, title, identifier and figure.
        claim: what is claimed, as a sentence.
        shows: what the source shows, in numbers.
        differs: in what the study differs from the source.
        row: the row of the list of claims that it belongs to; the studies of a paper share the number: "1", "1b".
        cost: seconds on two cores, as measured.
        expected: the verdict that was seen when the file was written.
        shared: overrides of all arms.
        arms: the arms.
        seeds: the numbers of seeds.
        select: how points of the grid are selected; None: they are not.
        checks: the checks, see docs/checks.md, each with its `quantity`.
        figure: what the figure shows.
        first_seed: the first of the seeds that report.
        size: cpu, or another size that the file has.
    """

    name: str
    source: str
    claim: str
    shows: str
    shared: Sequence[str]
    arms: Sequence[Arm]
    checks: Sequence[Mapping[str, Any]]
    differs: str = ""
    row: str = ""
    cost: float | None = None
    expected: str = "reproduced"
    seeds: Seeds = field(default_factory=Seeds)
    select: Selection | None = None
    figure: Mapping[str, Any] = field(default_factory=dict)
    first_seed: int = FIRST_SEED
    size: str = "cpu"

    @property
    def report_seeds(self) -> list[int]:
        """The seeds of the runs that the checks read."""
        return list(range(self.first_seed, self.first_seed + self.seeds.report))

    @property
    def select_seeds(self) -> list[int]:
        """The seeds of the runs that select; they follow those of the report."""
        first = self.first_seed + self.seeds.report
        return list(range(first, first + self.seeds.select))


KEYS = tuple(each.name for each in fields(Study) if each.name not in ("name", "first_seed", "size"))
OTHER_KEYS = ("grid", "over", "sizes")
OF_AN_ARM = ("words", "grid", "over", "table")


def read_study(name: str, node: Mapping[str, Any], size: str = "cpu", first_seed: int = FIRST_SEED) -> Study:
    """Return the study of a file.

    Args:
        name: the option of the config group `study`.
        node: the content of the file.
        size: cpu, or a key of its node `sizes`, whose content replaces the keys of the file.
        first_seed: the first of the seeds.

    Raises:
        UsageError: a key is unknown or missing, or the size does not exist.
    """
    where = f"study={name}"
    sizes = node.get("sizes") or {}
    if size != "cpu" and size not in sizes:
        raise UsageError(f"{where} has no size={size}: it has {', '.join(['cpu', *sizes])}{nearest(size, sizes)}")
    merged = {**node, **(sizes.get(size) or {})}
    mistakes = list(_mistakes(merged))
    if mistakes:
        raise UsageError("\n".join(f"{where}: {mistake}" for mistake in mistakes))
    grid, over = merged.pop("grid", {}), merged.pop("over", {})
    merged.pop("sizes", None)
    arms = [_arm(arm, content, grid, over) for arm, content in merged.pop("arms").items()]
    select = merged.pop("select", None)
    return Study(
        name=name,
        arms=arms,
        seeds=Seeds(**merged.pop("seeds", {})),
        select=None if select is None else _selection(select),
        first_seed=first_seed,
        size=size,
        shared=merged.pop("shared", []),
        **merged,
    )


def _selection(content: Any) -> Selection:
    """Return the selection that a text, its quantity, or a mapping describes."""
    return Selection(**content) if isinstance(content, Mapping) else Selection(content)


def _arm(name: str, content: Any, grid: Mapping[str, Any], over: Mapping[str, Any]) -> Arm:
    """Return an arm: a list of overrides, or a mapping with `words`, and `grid` and `over` in place of those of the study.

    With `table` it has neither of them.
    """
    own: Mapping[str, Any] = content if isinstance(content, Mapping) else {"words": content or []}
    if table := own.get("table"):
        return Arm(name, list(own.get("words") or []), {}, {}, {key: str(values) for key, values in table.items()})
    return Arm(name, list(own.get("words") or []), own.get("grid", grid) or {}, own.get("over", over) or {})


def _mistakes(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each key that is missing or unknown."""
    known = (*KEYS, *OTHER_KEYS)
    for key in node:
        if key not in known:
            yield f"unknown key {key}{nearest(str(key), known)}"
    for key in ("source", "claim", "shows", "arms", "checks"):
        if not node.get(key):
            yield f"{key} is missing"
    arms = node.get("arms") or {}
    if not isinstance(arms, Mapping):
        yield "arms maps names to overrides, as arms: {adam: [optimizer=adam], sgd: [optimizer=sgd]}"
        return
    for name, content in arms.items():
        own: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
        for key in sorted(set(own) - set(OF_AN_ARM)):
            yield f"arms.{name}: unknown key {key}{nearest(key, OF_AN_ARM)}"
        for key in sorted({"grid", "over"} & set(own) if "table" in own else ()):
            yield f"arms.{name}: an arm with table has no {key}; its keys belong to table"
    if arms and all(isinstance(content, Mapping) and "table" in content for content in arms.values()):
        yield "every arm is a table: add an arm without table, such as one of a few runs whose curves the figure shows"
    for kind, options in (("seeds", Seeds), ("select", Selection)):
        content = node.get(kind)
        names = [each.name for each in fields(options)]
        for key in content if isinstance(content, Mapping) else ():
            if key not in names:
                yield f"{kind}: unknown key {key}{nearest(key, names)}"
