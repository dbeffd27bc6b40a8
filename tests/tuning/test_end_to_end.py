"""Tuning commands as a user types them: killed, extended, with every kind of search, and their bill."""

from __future__ import annotations

import re
import signal

import pytest
from support.commands import TRAIN, run_script
from support.lab import Lab
from support.waiting import wait_until

from descentlab.store import record as records
from descentlab.store.manifest import Manifest

QUICK = ("-m", "hydra/sweeper=tune", "logger=none", "budget.epochs=null", "budget.steps=40", "validate_every=20")
KILLED = ("hydra/sweeper=tune", "optimizer=adam,sgd", "trials=4", "seeds=1", "+model.pause=0.02")


@pytest.fixture
def lab(tmp_path):
    lab = Lab.at(tmp_path)
    yield lab
    quiet = lab.is_quiet_within(15)
    lab.close()
    assert quiet, "processes that a command has left"


def manifest_in(folder):
    (sweep,) = (path.parent for path in folder.glob("*/tuning.json"))
    found = Manifest.read(sweep)
    assert found is not None
    return found


@pytest.mark.slow
def test_a_sweep_killed_in_its_trials_ends_with_the_trials_and_selections_of_an_uninterrupted_one(lab):
    with lab.running(*KILLED, armed=False) as command:
        assert wait_until(lambda: len(records.find(lab.folder / "out" / "s")) >= 3, 120), lab.output
        command.send_signal(signal.SIGKILL)
        assert command.wait(45) == -signal.SIGKILL
        assert lab.is_quiet_within(15), lab.processes()
    (before,) = {arm.selected for arm in manifest_in(lab.folder / "out").arms}
    assert before is None
    resumed = lab.run(*KILLED, armed=False)
    assert resumed.returncode == 0, resumed.stderr
    assert re.search(r"[3-9] of 1[0-2] finished before and reused", resumed.stderr), resumed.stderr
    whole = lab.run(*KILLED, out="reference", armed=False)
    assert whole.returncode == 0, whole.stderr
    assert manifest_in(lab.folder / "out") == manifest_in(lab.folder / "reference")
    repeated = lab.run(*KILLED, armed=False)
    assert repeated.returncode == 0
    assert "12 of 12 finished before and reused" in repeated.stderr
    assert "started" not in repeated.stderr


@pytest.mark.slow
def test_the_bill_of_a_dry_run_is_that_of_the_sweep_and_more_trials_extend_it(tmp_path):
    words = (*QUICK, f"output_dir={tmp_path}", "optimizer=adam,momentum", "seeds=2")
    bill = run_script(TRAIN, *words, "trials=4", "--dry-run")
    assert bill.returncode == 0, bill.stderr
    assert not list(tmp_path.iterdir())
    planned = re.search(r"^in all +8 +16 +0 +([0-9,]+)", bill.stdout, re.MULTILINE)
    assert planned, bill.stdout
    done = run_script(TRAIN, *words, "trials=4")
    assert done.returncode == 0, done.stderr
    (sweep,) = tmp_path.iterdir()
    spent = sum(record.summary["steps"] for record in records.find(sweep))
    assert int(planned[1].replace(",", "")) == pytest.approx(spent, rel=0.1)
    more = run_script(TRAIN, *words, "trials=8", "--dry-run")
    assert re.search(r"^in all +16 +24 +(1[0-9]) ", more.stdout, re.MULTILINE), more.stdout
    assert "from earlier runs of each arm" in more.stdout
    extended = run_script(TRAIN, *words, "trials=8")
    assert extended.returncode == 0, extended.stderr
    assert extended.stderr.count("\ncompleted ") in (8, 10, 12)  # 4 trials for each arm, and reports of new selections
    assert [len(arm.trials) for arm in manifest_in(tmp_path).arms] == [8, 8]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [("sampler=tpe", "trials=6"), ("halving=2", "trials=4"), ("max_steps=200", "trials=9"), ("max_seconds=0.001", "trials=9")],
    ids=lambda words: words[0],
)
def test_each_kind_of_search_ends_with_a_report(tmp_path, words):
    done = run_script(TRAIN, *QUICK, f"output_dir={tmp_path}", "seeds=2", *words)
    assert done.returncode == 0, done.stderr
    (arm,) = manifest_in(tmp_path).arms
    assert len(arm.trials) == {"sampler=tpe": 6, "halving=2": 4, "max_steps=200": 5, "max_seconds=0.001": 4}[words[0]]
    assert len(arm.report) == len(arm.default) == 2
    found = {record.id: str(record.status) for record in records.find(next(iter(tmp_path.iterdir())))}
    assert found == dict.fromkeys(arm.runs, "completed")
