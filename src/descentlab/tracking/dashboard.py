"""A saved workspace and a report of W&B for finished sweeps, defined with wandb-workspaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from descentlab.compat import wandb_specification
from descentlab.errors import UsageError
from descentlab.extras import require
from descentlab.report.answer import Answer
from descentlab.report.drawing.style import styles
from descentlab.report.load import Results
from descentlab.report.overall import statements
from descentlab.report.tables import markdown_tables
from descentlab.store.record import read_curves
from descentlab.tracking import names

if TYPE_CHECKING:
    from wandb_workspaces import workspaces as ws
    from wandb_workspaces.reports.v2 import interface as wr

AXES = {  # x axis -> its title; the step is the default
    names.AXES["step"]: "step",
    names.AXES["examples"]: "examples",
    names.AXES["gradient_evaluations"]: "gradient evaluations",
    names.AXES["train_seconds"]: "seconds of training",
}
COLUMNS, WIDTH, HEIGHT = 2, 12, 8  # panels in a row; size of a panel of a report, in 24ths of its width and in rows
SPREAD = "stddev"  # the band around the mean over seeds: W&B offers no confidence interval
DEFAULT = "entity"  # of a definition that is only printed


class Dashboard:
    """The workspace and the report of finished sweeps.

    Args:
        results: the sweeps; their runs were logged to one W&B project.
        answers: their answers.
        entity: the W&B user or team; None: the one in the config of the runs.

    Raises:
        UsageError: wandb-workspaces is not installed, or the runs were not logged, or to several projects.
    """

    def __init__(self, results: Results, answers: Sequence[Answer], entity: str | None = None) -> None:
        require("wandb_workspaces", "a dashboard")
        logged = [(node["project"], node.get("entity")) for run in results.runs if (node := _logger(run.config)).get("project")]
        if len(set(logged)) != 1:
            found = ", ".join(sorted({project for project, _ in logged})) or "none"
            raise UsageError(f"the runs must be logged to one W&B project (logger=wandb); found: {found}")
        self.results, self.answers = results, answers
        self.project, self.entity = logged[0][0], entity or logged[0][1] or DEFAULT
        self.sweeps = [sweep.resolve().name for sweep in results.sweeps]
        self.title = names.shortened(" + ".join(self.sweeps), names.LONGEST)

    def workspace(self) -> ws.Workspace:
        """Return the workspace: first the losses and the monitored metrics, grouped by series, in the colours of the report."""
        from wandb_workspaces import workspaces as ws

        first, *others = AXES.items()
        sections = [self._section("Loss and metric", list(self._curves(*first)), is_open=True)]
        sections += [self._section(f"By {title}", list(self._curves(axis, title))) for axis, title in others]
        more = [self._line(column, column) for column in self._other_columns()]
        sections += [self._section("Other curves", more)] if more else []
        modes = {answer.comparison.mode for answer in self.answers}
        ordered = [ws.Ordering(ws.Summary("best_valid"), ascending=modes == {"min"})] if len(modes) == 1 else []
        shown = [f"summary:{key}" for key in ("best_valid", *self._test_metrics(), "train_seconds")]
        return ws.Workspace(
            entity=self.entity,
            project=self.project,
            name=self.title,
            sections=sections,
            settings=ws.WorkspaceSettings(x_axis=names.AXES["step"], max_runs=max(10, len(self._colors))),
            runset_settings=ws.RunsetSettings(
                filters=self._filters(),
                groupby=[ws.Metric("Group")],
                group_colors=self._colors,
                order=ordered or [ws.Ordering(ws.Metric("Name"))],
                pinned_columns=shown,
            ),
        )

    def report(self) -> wr.Report:
        """Return the report: the statements, the losses and the monitored metrics, and the tables with their warnings."""
        from wandb_workspaces.reports.v2 import interface as wr

        told = statements(self.answers)
        panels: list[Any] = list(self._curves(*next(iter(AXES.items()))))
        for position, panel in enumerate(panels):
            row, column = divmod(position, COLUMNS)
            panel.layout = wr.Layout(x=column * WIDTH, y=row * HEIGHT, w=WIDTH, h=HEIGHT)
        # of the report's own project; naming it here would look it up on the server
        runs = wr.Runset(name=self.title, filters=self._filters(), groupby=["run.group"])
        blocks = [*(wr.P(line) for line in told), wr.PanelGrid(runsets=[runs], panels=panels)]
        blocks += [wr.H2("Tables"), wr.MarkdownBlock(markdown_tables(self.answers))]
        return wr.Report(
            project=self.project, entity=self.entity, title=self.title, description=told[0], blocks=blocks, width="fluid"
        )

    def definition(self) -> dict[str, Any]:
        """Return the specifications of the workspace and of the report, as W&B stores them."""
        return {"workspace": wandb_specification(self.workspace()), "report": wandb_specification(self.report())}

    def save(self) -> list[str]:
        """Write both to W&B, and return their addresses."""
        if self.entity == DEFAULT:
            import wandb

            self.entity = wandb.Api().default_entity or DEFAULT
        return [str(self.workspace().save().url), str(self.report().save().url)]

    def _filters(self) -> ws.And:
        """Return the filter that selects the runs of the sweeps, without trials and summaries."""
        from wandb_workspaces import workspaces as ws

        tags = [names.tag("sweep", sweep) for sweep in self.sweeps]  # filters by config would address W&B's own sweeps
        return ws.And(ws.Tags().isin(tags), ws.Metric("JobType") == "train")

    def _curves(self, axis: str, title: str) -> Iterator[wr.LinePlot]:
        """Yield a plot of the training loss, and of each monitored metric, over an axis."""
        for column, heading in self._tiles().items():
            yield self._line(column, heading, axis, title)

    def _tiles(self) -> dict[str, str]:
        monitors = dict.fromkeys(answer.comparison.monitor for answer in self.answers)
        return {column: title for monitor in monitors for column, title in names.tiles(monitor).items()}

    def _line(self, column: str, heading: str, axis: str = names.AXES["step"], title: str = "step") -> wr.LinePlot:
        from wandb_workspaces.reports.v2 import interface as wr

        return wr.LinePlot(
            title=heading,
            x=axis,
            y=[column],
            title_x=title,
            log_y=column == "train/loss" and self._is_positive,
            groupby="Group",
            groupby_aggfunc="mean",
            groupby_rangefunc=SPREAD,
            max_runs_to_show=max(10, len(self._colors)),
        )

    @cached_property
    def _is_positive(self) -> bool:
        """True if no run ended with a training loss that a logarithmic axis cannot show."""
        losses = [run.summary.get("last_train_loss") for run in self.results.runs]
        return all(loss is None or loss > 0 for loss in losses)

    def _section(self, name: str, panels: list[Any], is_open: bool = False) -> ws.Section:
        from wandb_workspaces import workspaces as ws

        layout = ws.SectionLayoutSettings(columns=COLUMNS, rows=max(1, min(3, -(-len(panels) // COLUMNS))))
        return ws.Section(name=name, panels=panels, is_open=is_open, pinned=is_open, layout_settings=layout)

    def _other_columns(self) -> list[str]:
        """Return the curves that have no plot in the first section, from one run of each problem."""
        firsts = [answer.best.series.runs[0] for answer in self.answers]
        columns = dict.fromkeys(column for run in firsts for column in read_curves(run.folder).columns)
        return [each for each in columns if each.startswith(("train/", "valid/")) and each not in self._tiles()]

    def _test_metrics(self) -> list[str]:
        return list(dict.fromkeys(f"test.{answer.comparison.monitor}" for answer in self.answers))

    @cached_property
    def _colors(self) -> dict[object, object]:
        """The colour that each W&B group has in the report."""
        roles, style_of = names.starting_roles(self.results.manifests), styles(self.answers)
        series = [one for one in self.results.series if one.label in style_of]
        return {names.group_of(one.runs[0], roles.get(one.runs[0].id)): style_of[one.label].color for one in series}


def _logger(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return config.get("logger") or {}
