"""Pages that are written while a sweep trains."""

from __future__ import annotations

import json
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from support.waiting import wait_until

from descentlab.report.compare import compare
from descentlab.report.layout import contents
from descentlab.report.load import load
from descentlab.report.page import render
from descentlab.report.question import Question
from descentlab.report.statement import statement
from descentlab.report.watch import VERSION, Live, watch
from descentlab.store.job import Job
from descentlab.store.record import CONFIG, CURVES, LOCK, PROGRESS, Status

SCRIPT = Path(__file__).parents[2] / "scripts" / "report.py"


def start_run(sweep, seed=1):
    """Write the files of a run in progress."""
    folder = sweep / f"adam-{seed}"
    config = {"seed": seed, "task": {"monitor": "accuracy", "mode": "max"}, "optimizer": {"lr": 0.1}}
    Job(f"{seed:010x}", folder.name, sweep.name, {"problem": "digits_mlp", "optimizer": "adam"}, config, folder).save()
    axes = {"step": 10, "examples": 10, "gradient_evaluations": 10, "train_seconds": 1.0}
    (folder / CURVES).write_text(json.dumps(axes | {"train/loss": 0.5}) + "\n")
    (folder / PROGRESS).write_text(json.dumps({"step": 10, "total": 2000}))
    return folder


def test_unfinished_runs_are_shown_with_their_progress(make_run, tmp_path):
    make_run("sgd")
    start_run(tmp_path / "sweep")
    results = load([tmp_path / "sweep"], unfinished=True)
    assert {run.status for run in results.runs} == {Status.TRAINING, Status.COMPLETED}
    shown = contents(results, compare(results), tmp_path)
    assert [(run.name, run.reason) for run in shown["training"]] == [("adam-1", "step 10 of 2,000")]
    assert shown["failures"] == []
    assert "step 10 of 2,000" in render(results, compare(results))


def test_a_finished_report_leaves_unfinished_runs_out(make_run, tmp_path):
    make_run("sgd")
    start_run(tmp_path / "sweep")
    assert len(load([tmp_path / "sweep"]).runs) == 1


def test_a_run_whose_config_cannot_be_read_is_left_out(make_run, tmp_path):
    make_run("sgd")
    (start_run(tmp_path / "sweep") / "config.yaml").write_text("run: [")
    assert len(load([tmp_path / "sweep"], unfinished=True).runs) == 1


def test_the_page_is_written_after_each_change_and_once_at_the_end(tmp_path):
    sweep, calls = tmp_path / "sweep", []
    start_run(sweep)
    lock = FileLock(sweep / LOCK)
    lock.acquire()

    def build(live: Live | None) -> None:
        calls.append(live and live.version)
        if len(calls) == 1:
            start_run(sweep, seed=2)
        elif lock.is_locked:
            lock.release()

    watch(sweep, sweep, build, every=0.01)
    assert calls == ["1", "2", None]
    assert (sweep / VERSION).read_text() == 'descentlabNewest("");\n'


def test_a_sweep_that_is_not_trained_is_written_once(tmp_path):
    calls = []
    watch(tmp_path, tmp_path, calls.append, every=0.01)
    assert calls == [None]


def test_only_a_watched_page_reloads_itself(make_run, tmp_path):
    make_run()
    results = load([tmp_path / "sweep"])
    answers = compare(results)
    assert VERSION in render(results, answers, live=Live("1", 5))
    assert VERSION not in render(results, answers)


def test_the_question_of_the_runs_is_answered_until_the_command_keeps_its_own(make_run, tmp_path):
    sweep = tmp_path / "sweep"
    run = make_run(config={"report": {"by": "valid/accuracy"}})
    (run.folder / CONFIG).write_text("seed: 0\n")
    build = runpy.run_path(str(SCRIPT))["_build"]

    def statement_of(live: Live | None) -> str:
        return statement(build([sweep], tmp_path / "out", live)[2][0])

    assert "validation accuracy" in statement_of(Live("1", 5))
    assert "validation accuracy" in statement_of(None)
    Question().write(sweep)
    assert "test accuracy" in statement_of(None)


def test_a_question_of_the_runs_without_an_answer_is_reported_and_the_default_is_shown(make_run, tmp_path, capsys):
    make_run(config={"report": {"by": "test/nothing"}})
    build = runpy.run_path(str(SCRIPT))["_build"]
    assert "test accuracy" in statement(build([tmp_path / "sweep"], tmp_path / "out")[2][0])
    assert "the default is compared instead" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_ends_the_command_without_a_traceback(make_run, tmp_path):
    make_run()
    sweep = tmp_path / "sweep"
    with FileLock(sweep / LOCK):
        line = [sys.executable, str(SCRIPT), "--watch", str(sweep), "--every", "0.2"]
        command = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(
            lambda: VERSION in ((sweep / "report.html").read_text() if (sweep / "report.html").exists() else ""),
            what="a page that reloads itself",
        )
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=60)
    assert command.returncode == 130
    assert errors == ""
    assert VERSION not in (sweep / "report.html").read_text()  # the page that is left does not reload itself
