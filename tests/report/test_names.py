"""Names of entries that several sweeps have."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from descentlab.report.compare import compare
from descentlab.report.drawing.lead_table import lead_table
from descentlab.report.frames import Sweeps
from descentlab.report.load import load
from descentlab.report.names import with_distinct_names
from descentlab.report.question import Question
from descentlab.report.tables.answers import pairs_table
from descentlab.report.tables.console import show_answers
from descentlab.report.tables.results import results_table
from descentlab.store.manifest import Manifest


def second_sweep(sweep, space):
    """Write the manifest of another sweep with the same runs and another search space, and return its folder."""
    other = sweep.parent / "other"
    other.mkdir()
    manifest = Manifest.read(sweep)
    replace(manifest, arms=[replace(arm, space={"optimizer.lr": space}) for arm in manifest.arms]).write(other)
    for run in load([sweep]).runs:
        (other / run.folder.name).symlink_to(run.folder)
    return other


def test_two_tuned_sweeps_with_one_winner_are_told_apart_by_their_ranges(make_tuned):
    sweep = make_tuned({"adam": 0.9, "sgd": 0.8})
    results = load([sweep, second_sweep(sweep, {"low": 1e-6, "high": 1.0, "scale": "log"})])
    (answer,) = compare(results)
    names = [entry.name for entry in answer.entries]
    assert names[:2] == ["adam (lr 1e-05 to 0.1)", "adam (lr 1e-06 to 1)"]
    assert [line.name for line in answer.bill.lines] == names
    frames = Sweeps(results, Question())
    assert frames.answers["entry"].to_list() == names
    table = results_table(answer)
    assert (table.rows[0][0], table.selected) == (", ".join(names[:2]), 2)  # one series
    show_answers([answer], Console(file=io.StringIO()))
    lead = lead_table(answer)  # a row with two entries does not shift the differences of the rows below it
    headings = [column.heading for column in lead.columns]
    difference = headings.index(next(heading for heading in headings if heading.startswith("difference from")))
    expected = next(row for row in pairs_table(answer).rows if row[0].startswith("sgd"))
    (shown,) = [row.cells[difference] for row in lead.rows if row.kind == "entry" and row.cells[0].startswith("sgd")]
    assert shown.startswith(expected[1])


def test_sweeps_with_different_trials_are_told_apart_by_their_names(make_tuned, make_run):
    sweep = make_tuned({"adam": 0.9})
    make_run("adam", sweep="grid", lr=0.3)
    (answer,) = compare(load([sweep, sweep.parent / "grid"]))
    assert [entry.name for entry in answer.entries] == ["adam (tuned)", "adam (grid)"]


def test_entries_that_differ_in_nothing_are_numbered(make_tuned):
    (answer,) = compare(load([make_tuned({"adam": 0.9})]))
    assert [entry.name for entry in with_distinct_names([answer.best, answer.best])] == ["adam (1)", "adam (2)"]
