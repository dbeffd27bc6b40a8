"""Fused groups: each member has the record and the curves of a single run."""

from __future__ import annotations

import json

import polars as pl
import pytest
import torch
from support.curves import timeless_curves

from descentlab import run_group
from descentlab.run import run
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.store.record import CHECKPOINT, FUSE, SINGLE, Record, Status, read_curves
from descentlab.tracking.sinks import Sinks
from descentlab.training.fused import choice
from descentlab.training.fused.group import Group

RUN = ("model.hidden=[8]", "budget.epochs=null", "budget.steps=60", "validate_every=25", "log_every=7", "data.limit=200")


@pytest.fixture
def group(job, monkeypatch):
    """Train the runs with these words as one group, and return the exit code and the jobs."""

    def do(*rows: str, common: tuple[str, ...] = RUN, interruption: Interruption | None = None, fuse: str = "always"):
        monkeypatch.setenv(FUSE, fuse)
        jobs = [job(*common, *row.split(), "sweep=group") for row in rows]
        return run_group.main([each.folder for each in jobs], interruption or Interruption()), jobs

    return do


def assert_close(curves: pl.DataFrame, others: pl.DataFrame, rel: float) -> None:
    """Assert that two curves have the same columns, and values that differ by at most `rel`."""
    assert curves.columns == others.columns
    for name in curves.columns:
        if name == "batches":
            assert curves[name].to_list() == others[name].to_list()
        elif name != "train_seconds":
            assert curves[name].is_null().equals(others[name].is_null())
            assert curves[name].drop_nulls().to_list() == pytest.approx(others[name].drop_nulls().to_list(), rel=rel), name


@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_members_have_the_curves_and_records_of_single_runs(group, job, precision):
    rows = [
        "seed=0 optimizer.lr=0.01",
        "seed=1 optimizer.lr=0.001 budget.steps=40",
        "seed=1 optimizer.lr=0.03 data_seed=5 target=0.5 stop.at_target=true",
        "seed=2 optimizer.betas=[0.8,0.95] validate_every=10",
    ]
    common = (*RUN, f"trainer.precision={precision}")
    code, jobs = group(*rows, common=common)
    assert code == 0
    for row, member in zip(rows, jobs, strict=True):
        single = job(*common, *row.split(), "sweep=single")
        expected, found = run(single), Record.read(member.folder)
        rel = 1e-9 if precision == "64-true" else 1e-4
        assert_close(read_curves(member.folder), read_curves(single.folder), rel)
        assert found.status is expected.status
        assert found.reason == expected.reason
        about = found.summary.pop("group")
        assert (about["size"], about["compiled"]) == (4, False)
        assert about["predicted_seconds"].keys() == {"single", "traced", "compiled"}
        assert found.summary.keys() == expected.summary.keys()
        assert found.summary["test"] == pytest.approx(expected.summary["test"], rel=rel)
        assert found.summary["steps_to_target"] == expected.summary["steps_to_target"]
        assert {**found.config, "sweep": None} == {**expected.config, "sweep": None}


@pytest.mark.parametrize("optimizer", ["optimizer=sgd average.kind=ema", "optimizer=schedulefree_sgd", "optimizer=sgd"])
def test_members_are_compared_with_the_baseline_as_single_runs_are(group, job, optimizer):
    common = ("problem=diabetes_linear", "baseline=normal_equation", "optimizer.lr=0.1", "budget.epochs=3", *optimizer.split())
    code, jobs = group("seed=0", "seed=1", common=common)
    assert code == 0
    for seed, member in enumerate(jobs):
        expected = run(job(*common, f"seed={seed}", "sweep=single")).summary
        found = Record.read(member.folder).summary
        assert found["baseline"]["test"] == expected["baseline"]["test"]
        assert found["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-4)
        assert found["gap"] == pytest.approx(expected["gap"], rel=1e-3)


def test_a_diverging_member_changes_no_bit_of_the_others(group):
    calm = ["seed=0 optimizer.lr=0.1", "seed=1 optimizer.lr=0.1"]
    _, alone = group(*calm, "seed=2 optimizer.lr=0.1", common=(*RUN, "optimizer=sgd"))
    before = [timeless_curves(Record.read(job.folder)) for job in alone[:2]]
    _, jobs = group(*calm, "seed=2 optimizer.lr=1e6", common=(*RUN, "optimizer=sgd"))
    assert Record.read(jobs[2].folder).status is Status.DIVERGED
    for job, curves in zip(jobs[:2], before, strict=True):
        assert timeless_curves(Record.read(job.folder)).equals(curves)


@pytest.mark.parametrize("average", ["average.kind=none", "average.kind=ema", "average.start=20"])
def test_an_interrupted_group_resumes_with_the_same_curves(group, monkeypatch, average):
    rows = ["seed=0", "seed=1", "seed=2 budget.steps=30"]
    kind = ("average.kind=ema", "average.start=20") if "start" in average else (average,)
    common = (*RUN, *kind, "average.decay=0.9", "schedule=cosine", "optimizer=momentum")
    _, whole = group(*rows, common=common)
    expected = [timeless_curves(Record.read(job.folder)) for job in whole]

    interruption = Interruption()
    take = Group._take

    def take_and_ask(self, first, count):
        take(self, first, count)
        if first + count >= 50:
            interruption.asked = "SIGTERM"

    monkeypatch.setattr(Group, "_take", take_and_ask)
    code, jobs = group(*rows, common=common, interruption=interruption)
    assert code == 1
    assert [Record.read(job.folder).status for job in jobs] == ["interrupted", "interrupted", "completed"]
    assert Record.read(jobs[0].folder).reason == "SIGTERM at step 50"
    assert (jobs[0].folder / CHECKPOINT).exists()
    monkeypatch.setattr(Group, "_take", take)
    assert run_group.main([job.folder for job in jobs[:2]], Interruption()) == 0
    for job, curves in zip(jobs, expected, strict=True):
        assert timeless_curves(Record.read(job.folder)).equals(curves)


def test_a_checkpoint_of_a_member_resumes_as_a_single_run(group, monkeypatch, job):
    common = (*RUN, "optimizer=adamw", "trainer.precision=64-true")
    interruption = Interruption()
    take = Group._take

    def take_and_ask(self, first, count):
        take(self, first, count)
        interruption.asked = "SIGTERM"

    monkeypatch.setattr(Group, "_take", take_and_ask)
    _, jobs = group("seed=0", "seed=1", common=common, interruption=interruption)
    assert run(jobs[0]).status is Status.COMPLETED
    single = job(*common, "seed=0", "sweep=single")
    run(single)
    assert_close(read_curves(jobs[0].folder), read_curves(single.folder), 1e-9)


def test_members_are_validated_at_different_steps(group, job):
    rows = ["seed=0 validate_every=25", "seed=1 validate_every=20", "seed=2 validate_every=20 budget.steps=20"]
    common = (*RUN, "model.norm=batch", "data.drop_last=true", "trainer.precision=64-true")
    code, jobs = group(*rows, common=common)
    assert code == 0
    single = job(*common, *rows[1].split(), "sweep=single")
    run(single)
    assert_close(read_curves(jobs[1].folder), read_curves(single.folder), 1e-9)
    assert group(*rows, common=(*RUN, "model.dropout=0.5"))[0] == 0


def test_evaluation_weights_are_those_of_the_step_after_another_member_has_ended(group, job):
    rows = ["seed=0 budget.steps=10", "seed=1"]
    common = (*RUN, "optimizer=schedulefree_sgd", "optimizer.lr=0.1", "trainer.precision=64-true", "validate_every=10")
    _, jobs = group(*rows, common=(*common, "schedule@momentum_schedule=linear"))
    single = job(*common, "schedule@momentum_schedule=linear", "seed=1", "sweep=single")
    run(single)
    assert_close(read_curves(jobs[1].folder), read_curves(single.folder), 1e-5)


def test_runs_with_other_dropped_examples_take_other_batches(group):
    common = (*RUN, "batch_size=120", "data.drop_last=true", "data_seed=0")
    _, jobs = group("data_seed=0", "data_seed=1", common=common[:-1])
    first, second = (read_curves(job.folder)["train/loss"].to_list() for job in jobs)
    assert first != second


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("problem=rosenbrock", "optimizer.lr=0.01"), "the curves include values of the model"),
        (("model.norm=batch", "data.drop_last=true", "average.kind=ema"), "running statistics of batch normalization"),
    ],
)
def test_runs_that_cannot_be_stacked_are_given_back(group, words, reason):
    common = words if "problem=rosenbrock" in words else (*RUN, *words)
    code, jobs = group("seed=0", "seed=1", common=common)
    assert code == 0
    assert reason in json.loads((jobs[1].folder / SINGLE).read_text())["reason"]


def test_a_member_that_cannot_work_leaves_the_others(group):
    common = (*RUN, "average.kind=ema", "average.start=20")
    code, jobs = group("seed=0 budget.steps=10", "seed=1", "seed=2", common=common)
    assert code == 1
    assert [Record.read(job.folder).status for job in jobs] == ["failed", "completed", "completed"]


def test_a_member_whose_curves_cannot_be_written_leaves_the_others(group, monkeypatch):
    write = Sinks.write

    def write_unless_seed_1(self, rows):
        if self.job.config["seed"] == 1:
            raise PermissionError("read-only")
        write(self, rows)

    monkeypatch.setattr(Sinks, "write", write_unless_seed_1)
    code, jobs = group("seed=0", "seed=1", "seed=2")
    assert code == 1
    assert [Record.read(job.folder).status for job in jobs] == ["completed", "failed", "completed"]


def test_runs_that_are_faster_one_by_one_are_given_back(group, monkeypatch):
    monkeypatch.setattr(choice, "START", -1e6)
    code, jobs = group("seed=0", "seed=1", fuse="auto")
    assert code == 0
    for job in jobs:
        assert "one by one they are faster" in json.loads((job.folder / SINGLE).read_text())["reason"]
        assert not (job.folder / "record.json").exists()


def test_a_group_without_memory_is_split(group, monkeypatch):
    def fail(*_: object, is_resumed: bool) -> None:
        torch.empty(10**15)

    monkeypatch.setattr(Group, "fit", fail)
    code, jobs = group("seed=0", "seed=1", "seed=2", "seed=3")
    assert code == 0
    found = json.loads((jobs[0].folder / SINGLE).read_text())
    assert found["size"] == 2
    assert found["reason"].startswith("out of memory: ")


def test_a_member_that_fails_at_its_end_leaves_the_others(group, monkeypatch):
    conclude = run_group.conclude

    def fail_for_seed_1(job, *rest):
        if job.config["seed"] == 1:
            raise ValueError("no space")
        conclude(job, *rest)

    monkeypatch.setattr(run_group, "conclude", fail_for_seed_1)
    code, jobs = group("seed=0", "seed=1", "seed=2")
    assert code == 1
    assert [Record.read(job.folder).status for job in jobs] == ["completed", "failed", "completed"]
    assert Record.read(jobs[1].folder).reason == "ValueError: no space"


def test_interrupted_before_training_is_recorded(group):
    interruption = Interruption()

    def ask(*_: object) -> None:
        raise Interrupted("SIGTERM")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_group, "arrange", ask)
        _, jobs = group("seed=0", "seed=1", interruption=interruption)
    assert {Record.read(job.folder).reason for job in jobs} == {"SIGTERM"}


def test_equal_parts_of_configs_are_one_object(job):
    rates = ("1", "1.0", "1")
    jobs = [job(*RUN, f"seed={seed}", f"optimizer.lr={rate}") for seed, rate in enumerate(rates)]
    first, second, third = run_group.with_shared_parts(jobs)
    assert [each.config for each in (first, second, third)] == [each.config for each in jobs]
    assert first.config["model"] is second.config["model"] is third.config["model"]
    assert (first.config["seed"], third.config["seed"]) == (0, 2)
    assert [repr(each.config) for each in (first, second, third)] == [repr(each.config) for each in jobs]
