"""The runs that a tuning sweep will have, before it starts."""

from __future__ import annotations

from descentlab.tuning.jobs import JobFactory
from descentlab.tuning.planned_runs import ArmRuns


def planned(tune, *words):
    tuner, _ = tune.tuner("~search.lr", *words)
    tuner.ask()
    return tuner.searches[0]


def test_the_jobs_of_all_trials_are_made_together(tune, monkeypatch):
    search = planned(tune, "+search.lr={choices:[0.01,0.1]}", "trials=8", "sampler=random", "tuning_seeds=2", "seeds=1")
    made, make = [], JobFactory.make

    def counted(factory, arm, runs):
        made.append(len(runs))
        return make(factory, arm, runs)

    monkeypatch.setattr(JobFactory, "make", counted)
    arm = ArmRuns(search)
    assert made == [16, 8, 1]  # trials, report, default
    assert [[job.id for job in jobs] for jobs in arm.trials] == [trial.runs for trial in search.trials]


def test_a_trial_whose_settings_are_not_valid_has_no_jobs(tune):
    search = planned(tune, "model.norm=batch", "+search.batch_size={choices:[1,16]}", "trials=8", "sampler=random", "seeds=1")
    trials = ArmRuns(search).trials
    assert [[job.id for job in jobs] for jobs in trials] == [trial.runs for trial in search.trials]
    assert sorted({len(jobs) for jobs in trials}) == [0, 1]
