"""The progress of a sweep on the screen: one line per event, and a table on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from support.fake_launcher import make_job

from descentlab.store.record import LOG, PROGRESS, Status, write_json
from descentlab.sweeps.past import JobDecision
from descentlab.sweeps.view import LOG_LINES, ProgressView


@pytest.fixture
def view():
    return ProgressView(Console(file=io.StringIO(), width=200, markup=False, highlight=False))


def printed(view) -> list[str]:
    return view.console.file.getvalue().splitlines()


def test_the_decisions_are_counted_with_their_reasons(view, tmp_path):
    decided = [
        (JobDecision.START, ""),
        *[(JobDecision.REUSE, "completed"), (JobDecision.REUSE, "diverged")],
        *[(JobDecision.RESUME, "timeout"), (JobDecision.RESUME, "cut off"), (JobDecision.RESUME, "cut off")],
        (JobDecision.RERUN, "rerun=true"),
        (JobDecision.REPLACE, "trained with other torch"),
    ]
    view.add(tmp_path, decided)
    assert printed(view) == [
        f"{tmp_path}: 8 runs",
        "2 of 8 finished before and reused (rerun=true trains again)",
        "3 of 8 resume from their checkpoints (2 cut off, 1 timeout)",
        "1 of 8 run again (1 rerun=true)",
        "1 of 8 replace their results (1 trained with other torch)",
    ]


def test_probes_that_a_reused_result_does_not_have_are_named(view, tmp_path):
    view.add(tmp_path, [(JobDecision.REUSE, "completed"), (JobDecision.REUSE, "completed without the probes alpha")])
    assert printed(view)[1:] == [
        "2 of 2 finished before and reused (rerun=true trains again)",
        "1 of these completed without the probes alpha, which rerun=true measures",
    ]


def test_a_later_round_adds_to_the_total(view, tmp_path):
    view.add(tmp_path, [(JobDecision.START, "")])
    view.add(tmp_path, [(JobDecision.START, ""), (JobDecision.REUSE, "completed")])
    assert printed(view)[:2] == [f"{tmp_path}: 1 run", f"{tmp_path}: 2 more runs"]
    job = make_job(tmp_path, "a")
    view.finished(job, job.record(Status.DIVERGED, "loss was nan at step 3"))
    assert printed(view)[-1] == "diverged  a  loss was nan at step 3  [2/3]"


def test_a_result_is_shown_with_its_metric(view, tmp_path):
    job = make_job(tmp_path, "a")
    record = job.record(Status.COMPLETED, "")
    record.summary = {"monitor": "accuracy", "best_valid": 0.98765, "train_seconds": 2.345}
    view.add(tmp_path, [(JobDecision.START, "")])
    view.started((job,))
    view.finished(job, record)
    assert printed(view)[1:] == ["started   a", "completed a  valid accuracy 0.9877 in 2.3 s  [1/1]"]


def test_an_undefined_metric_is_shown_with_its_reason(view, tmp_path):
    job = make_job(tmp_path, "a")
    record = job.record(Status.COMPLETED, "")
    record.summary = {"monitor": "r2", "best_valid": None, "undefined": {"best_valid": "one row"}}
    view.finished(job, record)
    assert "valid r2 undefined: one row" in printed(view)[-1]


def test_a_fault_is_shown_with_the_end_of_its_log(view, tmp_path):
    job = make_job(tmp_path, "a")
    job.save()
    (job.folder / LOG).write_text("\n".join(f"line {number}" for number in range(100)))
    view.finished(job, job.record(Status.FAILED, "ArithmeticError: x"))
    assert printed(view)[0] == "failed    a  ArithmeticError: x  [1/0]"
    assert printed(view)[1:-1] == [f"  line {number}" for number in range(100 - LOG_LINES, 100)]
    assert printed(view)[-1].endswith("log.txt")


def test_a_log_that_contains_only_the_reason_is_not_shown(view, tmp_path):
    job = make_job(tmp_path, "a")
    job.save()
    (job.folder / LOG).write_text("it cannot work\n")
    view.finished(job, job.record(Status.FAILED, "it cannot work"))
    assert len(printed(view)) == 1


def test_the_table_of_a_terminal_shows_step_loss_and_time_left(tmp_path):
    view = ProgressView(Console(file=io.StringIO(), width=200, force_terminal=True))
    jobs = [make_job(tmp_path, "a"), make_job(tmp_path, "b")]
    for job in jobs:
        job.save()
    write_json(jobs[0].folder / PROGRESS, {"step": 25, "total": 100, "train_seconds": 5.0, "loss": 0.25})
    view.done["completed"] = 2
    view.console.print(view._table([(job,) for job in jobs], 3))
    text = view.console.file.getvalue()
    for part in ("2 completed, 2 running, 3 waiting", "25/100", "0.25", "15 s", "starting"):
        assert part in text
    with view:
        view.started((jobs[0],))
        view.refresh([(job,) for job in jobs], 0)
    assert "started" not in view.console.file.getvalue(), "the table shows it"


def test_a_fused_group_is_one_row_and_its_runs_are_counted(tmp_path):
    view = ProgressView(Console(file=io.StringIO(), width=200, force_terminal=True))
    group = tuple(make_job(tmp_path, name) for name in "abc")
    for job in group:
        job.save()
        write_json(job.folder / PROGRESS, {"step": 25, "total": 100, "train_seconds": 5.0})
    view.console.print(view._table([group, (make_job(tmp_path, "d"),)], 5))
    text = view.console.file.getvalue()
    for part in ("4 running, 5 waiting", "a and 2 more as one fused group", "25/100"):
        assert part in text
    assert text.count("25/100") == 1


def test_the_division_of_a_group_is_shown_with_its_reason(view):
    view.divided(8, 4, "out of memory")
    view.divided(2, 1, "single runs are faster")
    assert printed(view) == [
        "8 runs of a fused group are trained in groups of at most 4: out of memory",
        "2 runs of a fused group are trained one by one: single runs are faster",
    ]
