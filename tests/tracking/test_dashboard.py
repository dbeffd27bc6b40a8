"""The W&B workspace and report of sweeps, validated by wandb-workspaces without a network connection."""

from __future__ import annotations

import json

import pytest
from conftest import ROOT
from support.commands import run_script

from descentlab.errors import UsageError
from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.overall import statements
from descentlab.tracking import names
from descentlab.tracking.dashboard import Dashboard


@pytest.fixture
def dashboard(make_tracked) -> Dashboard:
    results = load([make_tracked(adam=0.98, sgd=0.9)])
    return Dashboard(results, compare(results), "team")


def name(metric) -> str:
    """Return the name of a metric, which wandb-workspaces reads as a string or as an object."""
    return metric if isinstance(metric, str) else metric.name


@pytest.mark.slow
def test_workspace_begins_with_the_loss_and_the_monitored_metric_by_group(dashboard):
    from wandb_workspaces.workspaces.interface import Workspace
    from wandb_workspaces.workspaces.internal import View

    specification = dashboard.definition()["workspace"]
    read = Workspace._from_model(View.model_validate(specification))
    assert (read.entity, read.project, read.name) == ("team", "descentlab", "s")
    first, *others = read.sections
    assert [(panel.title, name(panel.x), name(panel.groupby)) for panel in first.panels] == [
        ("Training loss", "x/step", "Group"),
        ("Validation accuracy", "x/step", "Group"),
    ]
    assert first.is_open
    assert [section.name for section in others] == ["By examples", "By gradient evaluations", "By seconds of training"]
    assert {name(panel.x) for section in others for panel in section.panels} == set(names.AXES.values()) - {"x/step", "x/epoch"}
    assert read.settings.x_axis == "x/step"
    runs = read.runset_settings
    assert [name(each) for each in runs.groupby] == ["Group"]
    assert runs.filters == """Metric("Tags") in ['sweep:s'] and Metric("JobType") == 'train'"""
    groups = {names.group_of(run) for run in dashboard.results.runs}
    assert set(runs.group_colors) == groups
    assert len(set(runs.group_colors.values())) == len(groups) == 2


@pytest.mark.slow
def test_report_contains_the_statement_the_plots_and_the_tables(dashboard):
    from wandb_workspaces.reports.v2 import interface as wr
    from wandb_workspaces.reports.v2.internal import ReportViewspec

    specification = dashboard.definition()["report"]
    read = wr.Report._from_model(ReportViewspec.model_validate(specification))
    statement, grid, _, tables = read.blocks
    assert statement.text == read.description == statements(dashboard.answers)[0]
    assert [panel.title for panel in grid.panels] == ["Training loss", "Validation accuracy"]
    assert [(panel.layout.x, panel.layout.y) for panel in grid.panels] == [(0, 0), (12, 0)]
    assert "| adam |" in tables.text
    assert "Difference in test accuracy from adam" in tables.text


def test_runs_that_were_not_logged_are_refused(make_tracked):
    results = load([make_tracked("logger=none", "sweep=t", adam=0.98, is_tracked=False)])
    with pytest.raises(UsageError, match=r"logged to one W&B project \(logger=wandb\); found: none"):
        Dashboard(results, compare(results))


@pytest.mark.slow
def test_command_prints_the_definition_when_offline(make_tracked, tmp_path):
    sweep = make_tracked(adam=0.98, sgd=0.9)
    answer = run_script(ROOT / "scripts" / "dashboard.py", str(sweep), cwd=tmp_path, WANDB_MODE="offline")
    assert answer.returncode == 0, answer.stderr
    assert set(json.loads(answer.stdout)) == {"workspace", "report"}
    assert "nothing was written" in answer.stderr
    missing = run_script(ROOT / "scripts" / "dashboard.py", str(tmp_path / "none"), cwd=tmp_path, WANDB_MODE="offline")
    assert missing.returncode == 1
    assert missing.stderr.startswith("dashboard: no such folder")


@pytest.mark.slow
def test_command_without_a_server_ends_with_one_line(make_tracked, tmp_path):
    environment = {"WANDB_API_KEY": "x" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_MODE": "online"}
    words = (str(make_tracked(adam=0.98, sgd=0.9)), "--entity", "team")
    answer = run_script(ROOT / "scripts" / "dashboard.py", *words, cwd=tmp_path, **environment)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "dashboard: " in answer.stderr.splitlines()[-1]
