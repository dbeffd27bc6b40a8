"""Alerts of runs that train, on the terminal."""

from __future__ import annotations

import io
import os

import pytest
from rich.console import Console
from support.fake_launcher import make_job

from descentlab.store.alert import Alert
from descentlab.store.record import PROGRESS, Status, write_json
from descentlab.sweeps.alerts import SHOWN
from descentlab.sweeps.view import ProgressView


@pytest.fixture
def view():
    return ProgressView(Console(file=io.StringIO(), width=200, markup=False, highlight=False))


def printed(view) -> list[str]:
    return view.console.file.getvalue().splitlines()


def raised(tmp_path, name: str, *alerts: Alert):
    """Return a job whose progress file has `alerts`."""
    job = make_job(tmp_path, name)
    job.save()
    write_json(job.folder / PROGRESS, {"step": 25, "alerts": [alert.stored() for alert in alerts]})
    return job


def alert(rule: str = "vanishing", step: int = 0) -> Alert:
    return Alert(rule, step, "gradients vanish", "a", ["model.norm=batch"])


def test_an_alert_is_printed_once_with_the_name_of_its_run(view, tmp_path):
    group = (raised(tmp_path, "a", alert()), raised(tmp_path, "b"))
    view.refresh([group], 0)
    view.refresh([group], 0)
    os.utime(group[0].folder / PROGRESS, ns=(1, 1))  # a heartbeat
    view.refresh([group], 0)
    assert printed(view) == [
        "alert     a  gradients vanish (since step 0); try one of these, in place of settings of the same keys:",
        "            model.norm=batch",
    ]


def test_an_alert_of_a_run_that_ended_between_two_passes_is_printed(view, tmp_path):
    job = raised(tmp_path, "a", alert())
    view.finished(job, job.record(Status.COMPLETED, ""))
    assert [line.split()[0] for line in printed(view)] == ["alert", "model.norm=batch", "completed"]


def test_many_alerts_are_counted_by_rule(view, tmp_path):
    jobs = [raised(tmp_path, f"run{number}", alert(), alert("plateau", number)) for number in range(SHOWN)]
    with view:
        view.refresh([(job,) for job in jobs], 0)
    lines = printed(view)
    assert sum(line.startswith("alert ") for line in lines) == SHOWN
    assert lines[-1] == f"{SHOWN} more alerts: {SHOWN // 2} vanishing, {SHOWN // 2} plateau"


def test_a_run_without_a_progress_file_has_no_alerts(view, tmp_path):
    view.refresh([(make_job(tmp_path, "a"),)], 0)
    assert printed(view) == []
