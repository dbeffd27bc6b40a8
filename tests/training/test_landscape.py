"""Analyses of finished runs: weights over time, barriers, slices through the end, and the panels that draw them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from conftest import ROOT, AtPoint
from support.commands import run_script

from descentlab.errors import UsageError
from descentlab.report.load import load
from descentlab.report.run_page import render_run
from descentlab.run import run
from descentlab.store.interruption import Interrupted
from descentlab.store.record import ANALYSES, SNAPSHOTS, Record
from descentlab.training.finished import load_finished
from descentlab.training.landscape import connect, cut_line, cut_plane

SCRIPT = ROOT / "scripts" / "landscape.py"
KEPT = ("optimizer=sgd", "budget.epochs=null", "budget.steps=30", "validate_every=10", "checkpoint.keep=true")


@pytest.fixture
def finished(train):
    """Train a run that keeps its weights, write its record as its process does, and load it."""

    def make(*words):
        trained = train(*KEPT, *words)
        trained.record.write(trained.folder)
        return load_finished(trained.folder)

    return make


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("problem=diabetes_linear",),  # its metrics are in the unit of the target
        ("task.class_weights=balanced",),
        ("problem=breast_cancer_logistic", "task.positive_weight=balanced"),
        ("problem=temporal_order",),
    ],
    ids=lambda words: words[-1] if words else "default",
)
def test_the_weights_at_the_end_have_the_metrics_of_the_last_validation(finished, words):
    run = finished(*words)
    curves = load([run.job.folder.parent]).comparisons[0].curves[run.job.id]
    names = ["loss", *run.task.valid.metrics]
    last = {name: next(value for value in reversed(curves[f"valid/{name}"]) if value is not None) for name in names}
    assert run.evaluate(run.weights) == pytest.approx(last, rel=1e-5)


def test_snapshots_hold_the_weights_at_their_steps(finished):
    run = finished("checkpoint.snapshots=10")
    assert list(run.snapshots) == [0, 10, 20, 30]
    initial = load_finished(run.job.folder).task.model.state_dict()
    assert all(torch.equal(run.snapshots[0][name], value) for name, value in initial.items())
    assert all(torch.equal(run.snapshots[30][name], value) for name, value in run.weights.items())
    assert any(not torch.equal(run.snapshots[10][name], value) for name, value in run.weights.items())


def test_snapshots_change_neither_curves_nor_id(train):
    plain, kept = train(*KEPT), train(*KEPT, "checkpoint.snapshots=7")
    assert plain.record.id == kept.record.id
    assert plain.column("train/loss") == kept.column("train/loss")
    assert (kept.folder / SNAPSHOTS).is_dir()


def test_a_resumed_run_has_the_snapshots_of_the_whole_run(job):
    words = (*KEPT, "checkpoint.snapshots=10")
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    run(whole)
    with pytest.raises(Interrupted):
        run(parts, AtPoint(2))
    run(parts)
    expected, found = (load_finished(each.folder).snapshots for each in (whole, parts))
    assert set(expected) <= set(found)
    for step, weights in expected.items():
        assert all(torch.equal(weights[name], found[step][name]) for name in weights), step


def test_the_barrier_enters_the_record_and_the_page(finished):
    first, second = finished("seed=0"), finished("seed=1")
    found = connect(first, second, points=5)
    ends = [run.evaluate(run.weights)["loss"] for run in (first, second)]
    losses = found["metrics"]["loss"]
    assert [losses[0], losses[-1]] == pytest.approx(ends, rel=1e-5)
    assert found["barriers"]["loss"] == pytest.approx(max(losses) - sum(ends) / 2, rel=1e-5)
    record = Record.read(first.job.folder)
    assert record.summary["barriers"][second.job.id] == pytest.approx(found["barriers"])
    assert "<h3>Loss between the ends of two runs</h3>" in render_run(record)


def test_a_run_and_itself_have_no_barrier(finished):
    run = finished()
    assert connect(run, replace(run), points=3)["barriers"]["loss"] == pytest.approx(0.0, abs=1e-6)


def test_slices_have_the_loss_of_the_run_at_their_centre_and_are_drawn(finished):
    run = finished("checkpoint.snapshots=10")
    end = run.evaluate(run.weights, "train")["loss"]
    line = cut_line(run, points=5)
    assert line["loss"][2] == pytest.approx(end, rel=1e-5)
    assert max(line["loss"]) > end
    cut_plane(run, points=5)
    plane = json.loads((run.job.folder / ANALYSES / "plane.json").read_text())
    assert [step for step, *_ in plane["trajectory"]] == [0, 10, 20, 30]
    assert plane["trajectory"][-1][1:] == pytest.approx([0, 0], abs=1e-5)
    assert 0.9 < sum(plane["explained"]) <= 1.0001
    text = render_run(Record.read(run.job.folder))
    assert "<h3>Loss along a random direction</h3>" in text
    assert f"<h3>Loss around the end of {run.job.name}</h3>" in text


def test_without_snapshots_the_plane_is_random(finished):
    plane = cut_plane(finished(), points=3)
    assert plane["trajectory"] == plane["explained"] == []
    assert plane["x"] == [-1.0, 0.0, 1.0]


def test_a_run_without_weights_and_different_models_are_refused(train, finished):
    trained = train("optimizer=sgd", "budget.epochs=null", "budget.steps=5", "validate_every=5")
    with pytest.raises(UsageError, match=r"checkpoint\.keep=true"):
        _ = load_finished(trained.folder).weights
    with pytest.raises(UsageError, match="different models"):
        connect(finished(), finished("model.hidden=[4]"))
    with pytest.raises(UsageError, match="no folder of a run"):
        load_finished(trained.folder / "nothing")


@pytest.mark.slow
def test_the_command_prints_the_barrier_and_the_plane(finished):
    first, second = finished("seed=0"), finished("seed=1")
    folders = [str(run.job.folder) for run in (first, second)]
    done = run_script(SCRIPT, *folders, "--points", "3")
    assert done.returncode == 0, done.stderr
    assert f"{first.job.name} to {second.job.name}: height of the barrier: loss " in done.stdout
    assert f"times the way of {first.job.name}" in done.stdout
    refused = run_script(SCRIPT, folders[0], "--critical-points")
    assert "checkpoint.snapshots" in refused.stderr
    alone = run_script(SCRIPT, folders[0], "--points", "3")
    assert "plane: random filter-normalized directions" in alone.stdout
    (first.job.folder / "last.ckpt").unlink()
    refused = run_script(SCRIPT, folders[0])
    assert refused.returncode == 2
    assert "checkpoint.keep=true" in refused.stderr
