"""Alerts on the page of a sweep and on those of runs: the list, and the marks in the curves."""

from __future__ import annotations

import re

from support.payloads import header

from descentlab.report.alerts import alert_groups, alert_lines, alerts_elsewhere
from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.page import build
from descentlab.report.run_page import render_run
from descentlab.report.unfinished import read_run
from descentlab.store.job import Job
from descentlab.store.record import PROGRESS, Status, write_json

VANISHING = {
    "rule": "vanishing",
    "step": 30,
    "message": "gradients vanish: their norm is <1e-9>",
    "layer": "layers.0",
    "fixes": ["model.activation=relu", "model.residual=true"],
}
PLATEAU = {"rule": "loss_plateau", "step": 50, "message": "the loss is flat", "layer": None, "fixes": []}


def answer_of(tmp_path):
    return compare(load([tmp_path / "sweep"]))[0]


def test_alerts_of_seeds_are_merged_by_rule_and_layer(make_run, tmp_path):
    make_run(seed=0, summary={"alerts": [PLATEAU, VANISHING]})
    make_run(seed=1, summary={"alerts": [VANISHING | {"step": 10, "message": "earlier", "fixes": ["optimizer=adam"]}]})
    make_run(seed=2)
    first, second = alert_lines(answer_of(tmp_path))
    assert (first.rule, first.layer, first.steps, first.found, first.runs) == ("vanishing", "layers.0", (10, 30), 2, 3)
    assert first.message == "earlier"
    assert first.fixes == ["model.activation=relu", "model.residual=true", "optimizer=adam"]
    assert first.mark == "▲ adam: vanishing in layers.0 since steps 10 to 30 (2 of 3 runs)"
    assert second.mark == "▲ adam: loss plateau since step 50 (1 of 3 runs)"


def test_alerts_of_other_settings_are_counted(make_run, tmp_path):
    make_run(lr=0.1, summary={"best_valid": 0.9})
    make_run(lr=1.0, summary={"best_valid": 0.5, "alerts": [PLATEAU]})
    answer = answer_of(tmp_path)
    assert alert_lines(answer) == []
    assert alerts_elsewhere(answer) == 1
    assert (
        "1 run of other settings has alerts, which its page lists." in build([tmp_path / "sweep"], tmp_path / "out").read_text()
    )


def test_the_page_lists_what_where_since_when_and_the_fixes(make_run, tmp_path):
    make_run("adam", summary={"alerts": [VANISHING]})
    make_run("sgd")
    text = build([tmp_path / "sweep"], tmp_path / "out").read_text()
    assert "<strong>vanishing</strong> in <code>layers.0</code> since step 30" in text
    assert "Gradients vanish: their norm is &lt;1e-9&gt;." in text
    assert re.findall(r'data-copy="([^"]*)"', text) == VANISHING["fixes"]
    assert header(text)["sections"][0]["alerts"] == [
        {"line": "adam", "step": 30, "text": "▲ adam: vanishing in layers.0 since step 30"}
    ]


def test_the_list_joins_optimizers_with_the_same_alert(make_run, tmp_path):
    for seed in range(2):
        make_run("adam", seed=seed, summary={"alerts": [VANISHING]})
    make_run("sgd", summary={"alerts": [VANISHING | {"step": 10, "message": "first"}]})
    make_run("lion", summary={"alerts": [VANISHING | {"fixes": []}]})
    one, other = alert_groups(answer_of(tmp_path))
    assert sorted(one.owners.split(", ")) == ["adam (2 of 2 runs)", "sgd"]
    assert (one.first.message, one.since) == ("first", "steps 10 to 30")
    assert other.owners == "lion"


def test_a_page_without_alerts_has_no_such_section(make_run, tmp_path):
    make_run()
    text = build([tmp_path / "sweep"], tmp_path / "out").read_text()
    assert ">Alerts<" not in text
    assert header(text)["sections"][0]["alerts"] == []


def test_the_page_of_a_run_has_its_alerts_even_if_it_diverged(make_run):
    run = make_run(status=Status.DIVERGED, summary={"alerts": [VANISHING], "diverged_step": 60, "best_valid": None})
    text = render_run(run)
    assert "<strong>vanishing</strong> in <code>layers.0</code> since step 30" in text
    assert header(text)["sections"][0]["alerts"][0]["step"] == 30
    assert '<th scope="row">alerts</th>' not in text  # the results do not repeat them


def test_a_run_in_training_has_the_alerts_of_its_progress(make_run, tmp_path):
    run = make_run(status=Status.INTERRUPTED)
    job = Job(run.id, run.name, run.sweep, dict(run.choices), dict(run.config), run.folder)
    job.save()
    (run.folder / "record.json").unlink()
    write_json(run.folder / PROGRESS, {"step": 40, "total": 200, "alerts": [VANISHING, "text of an older version"]})
    record = read_run(run.folder)
    assert record.reason == "step 40 of 200"
    assert record.summary["alerts"] == [VANISHING]
    assert "<strong>vanishing</strong>" in render_run(record)
