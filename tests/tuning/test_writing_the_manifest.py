"""When the manifest is written: the number of writes, and a disk that cannot be written."""

from __future__ import annotations

import os

import pytest
from support.tuning import summary_of

from descentlab.store.manifest import MANIFEST, Manifest, memberships
from descentlab.tuning import tuner

MANY = ("trials=60", "seeds=1")


@pytest.mark.slow
def test_the_number_of_writes_is_bounded_by_time(tune, monkeypatch):
    written = []
    write = Manifest.write

    def counted(manifest, sweep):
        written.append(sum(trial.value is not None for arm in manifest.arms for trial in arm.trials))
        write(manifest, sweep)

    monkeypatch.setattr(Manifest, "write", counted)
    tuned = tune(*MANY)  # four at a time, which take half a second together
    assert len(tuned.started) == 62
    assert len(written) <= 60 / 4 / 2 + 4
    assert written[0] == 0  # the roles of the first runs are stored before they end
    assert written[-1] == 60
    assert tuned.manifest == tuned.tuner.manifest(None)


def test_runs_are_in_the_manifest_before_they_end(tune):
    missing = []

    def summary(job):
        manifest = Manifest.read(job.folder.parent)
        missing.append(manifest is None or job.id not in memberships([manifest]))
        return summary_of(job)

    tune("max_steps=900", "trials=12", "seeds=1", summary=summary)
    assert len(missing) == 12
    assert not any(missing)


@pytest.mark.slow
def test_runs_are_in_the_manifest_before_they_start_although_a_write_takes_long(tune, monkeypatch):
    missing, writes = [], []
    write = Manifest.write

    def slow(manifest, sweep):
        write(manifest, sweep)
        writes.append(len(manifest.arms[0].trials))
        tuner.time.now += 5

    def outcome(job):  # called when the run starts
        missing.append(job.id not in memberships([Manifest.read(job.folder.parent)]))
        return "completed"

    monkeypatch.setattr(Manifest, "write", slow)
    tune("max_steps=900", "trials=12", "seeds=1", outcome_of=outcome)
    assert len(missing) == 12
    assert not any(missing)
    assert len(writes) <= 6  # three rounds of trials, the report, and the end


def test_a_manifest_that_cannot_be_read_for_a_moment_does_not_end_the_sweep(tune):
    texts = []

    def outcome(job):  # called when the run starts
        path = job.folder.parent / MANIFEST
        if job.core.seed < 1000 and not texts:
            texts.append(path.read_text())
            path.write_text("")
            tuner.time.now += 60
        elif texts:
            path.write_text(texts[0])
        return "completed"

    tuned = tune("trials=4", "seeds=1", outcome_of=outcome)
    assert len(tuned.records) == 6
    assert any("cannot be written" in message and "damaged" in message for message in tune.messages)
    assert tuned.tuner.without_result == []
    assert tuned.manifest.arms[0].selected is not None


@pytest.mark.slow
def test_a_manifest_that_cannot_be_written_is_reported_and_the_runs_continue(tune):
    _, sweep = tune.tuner("trials=4", "seeds=1")
    blocked = sweep / f".{MANIFEST}.{os.getpid()}"  # the file in which the new content is written
    blocked.mkdir(parents=True)
    tuned = tune("trials=4", "seeds=1")
    assert len(tuned.records) == 6
    assert tuned.left is None
    assert tuned.tuner.without_result == ["adam"]  # so the exit code is 1
    assert len([message for message in tune.messages if "tuning.json" in message]) == 2
    assert f"{sweep / MANIFEST} cannot be written: Is a directory; the runs continue" in tune.messages
    assert tune.messages[-1].endswith("could not be written (Is a directory): the same command writes it")
    blocked.rmdir()
    repeated = tune("trials=4", "seeds=1")
    assert repeated.started == []
    assert len(repeated.manifest.arms[0].trials) == 4
    assert repeated.tuner.without_result == []
