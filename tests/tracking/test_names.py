"""Names in Weights & Biases: groups are the series of the report, and ids are accepted."""

from __future__ import annotations

import json
from collections import Counter

from support.fake_launcher import FakeLauncher
from support.tuning import Commands

from descentlab.report.load import load
from descentlab.run import run
from descentlab.store.job import Job
from descentlab.store.manifest import MANIFEST, Arm, Manifest, Trial
from descentlab.store.record import Record
from descentlab.tracking import names

SHORT = ("budget.epochs=null", "budget.steps=3")


def test_groups_are_the_series_of_the_report(job):
    words = [("optimizer=adam", f"seed={seed}", f"data_seed={seed}") for seed in (0, 1)]
    words += [("optimizer=adam", "optimizer.lr=0.1"), ("optimizer=adam", "batch_size=64"), ("optimizer=sgd",)]
    made = [job(*each, "sweep=s", *SHORT) for each in words]
    for each in made:
        run(each).write(each.folder)
    series = load([made[0].folder.parent]).series
    assert sorted(len(one.runs) for one in series) == [1, 1, 1, 2]
    groups = [{names.group_of(record) for record in one.runs} for one in series]
    assert all(len(each) == 1 for each in groups)
    assert len(set.union(*groups)) == len(series)
    assert {names.group_of(each) for each in made} == set.union(*groups), "a job has the group of its record"


def test_a_group_names_the_hyperparameters_of_the_search_space(job):
    made = job("optimizer=momentum", "+search.momentum=[0.5,0.9]", *SHORT)
    assert names.group_of(made).startswith("digits_mlp / momentum lr=0.01 momentum=0.9 ")
    assert names.group_of(made, "report").startswith("digits_mlp / momentum lr=0.01 momentum=0.9 (tuned) ")


def test_a_run_of_a_tuned_sweep_knows_its_role(job):
    trial, report, other = (job("sweep=s", f"seed={seed}", *SHORT) for seed in (1000, 0, 5))
    arm = Arm("adam", "digits_mlp", "adam", [], {}, [Trial(0, {}, [trial.id])], 0, [report.id])
    Manifest("sobol", "scipy 1", 0, [1000], [0], [arm]).write(trial.folder.parent)
    assert [names.role_of(each) for each in (trial, report, other)] == ["trial", "report", None]
    assert "role:trial" in names.tags_of(trial, "s", "trial")
    (trial.folder.parent / MANIFEST).write_text(json.dumps({"arms": 3}))
    assert names.role_of(trial) is None


def test_default_runs_keep_their_group_if_the_selected_settings_are_the_default_ones(job):
    run = job("sweep=s", *SHORT)
    groups = []
    for selected, report in ((None, []), (0, [run.id])):  # when the run starts, and at the end of the sweep
        arm = Arm("adam", "digits_mlp", "adam", [], {}, [Trial(0, {}, ["0"])], selected, report, [run.id])
        manifest = Manifest("sobol", "scipy 1", 0, [1000], [0], [arm])
        manifest.write(run.folder.parent)
        assert names.role_of(run) == names.starting_roles([manifest])[run.id]
        groups.append(names.group_of(run, names.role_of(run)))
    assert groups[0] == groups[1]
    assert "(default)" in groups[0]


def test_an_id_contains_no_character_that_wandb_refuses():
    ids = {names.run_id(wanted) for wanted in ("a,b", "a:b", "a_b")}
    assert len(ids) == 3
    assert not any(character in id for id in ids for character in ":;,#?/'")


def test_groups_of_jobs_and_of_their_records_do_not_depend_on_the_seeds(job):
    first, second = job("seed=0", *SHORT), job("seed=7", "data_seed=3", *SHORT)
    assert isinstance(first, Job)
    assert isinstance(first.record("interrupted", ""), Record)
    assert names.group_of(first) == names.group_of(second) == names.group_of(first.record("interrupted", ""))


def test_every_run_of_a_tuned_sweep_has_a_role_when_it_starts(tmp_path, monkeypatch):
    roles, start = [], FakeLauncher.start

    def spy(launcher, groups):
        roles.extend(names.role_of(job) for group in groups for job in group)
        return start(launcher, groups)

    monkeypatch.setattr(FakeLauncher, "start", spy)
    Commands(tmp_path, monkeypatch)("optimizer=adam", "trials=4", "seeds=2")
    assert Counter(roles) == {"trial": 4, "default": 2, "report": 2}
