"""A run that is interrupted and resumed has the curve of an uninterrupted run, bit for bit, and is one W&B run."""

from __future__ import annotations

import importlib
import re

import pytest
from conftest import AtPoint, every_optimizer
from support.curves import timeless_curves
from support.problems import missing, text, trainable
from support.wandb_file import wandb_records

from descentlab.data.loading import loader
from descentlab.run import run
from descentlab.store.interruption import Interrupted
from descentlab.store.record import CHECKPOINT, CURVES, PARQUET, read_curves

QUICK = ("budget.epochs=null", "budget.steps=12", "validate_every=5", "log_every=3", "data.limit=150")
AT = 7  # in the middle of an epoch, between two validations


@pytest.fixture(autouse=True)
def one_step_chunks(monkeypatch):
    monkeypatch.setattr(loader, "MAX_CHUNK", 1)


def interrupted(job, at: int = AT, start: int = 0) -> None:
    """Train from step `start`, the step of the checkpoint, to step `at`."""
    with pytest.raises(Interrupted, match=f"at step {at}$"):
        run(job, AtPoint(at - start))


def resumed_equals_whole(job, *words: str) -> bool:
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    run(whole)
    interrupted(parts)
    run(parts)
    return timeless_curves(parts).equals(timeless_curves(whole)) and timeless_curves(whole).height > 5


OPTIMIZERS = every_optimizer()
KINDS = ("adam", "sgd", "lbfgs", "sam", "schedulefree_adamw", "muon", "adahessian", "psgd_kron", "scratch/adam")  # of state


@pytest.mark.parametrize(
    "optimizer", [pytest.param(o, marks=[] if o in KINDS else pytest.mark.slow) for o in every_optimizer()]
)
def test_the_state_of_every_optimizer_is_restored(job, optimizer):
    assert resumed_equals_whole(job, "problem=digits_mlp", "model.dropout=0.2", f"optimizer={optimizer}", *QUICK)


FAST = ("digits_mlp", "diabetes_linear", "breast_cancer_logistic", "quadratic_deep", "saddle")


@pytest.mark.parametrize("problem", [pytest.param(p, marks=[] if p in FAST else pytest.mark.slow) for p in trainable()])
def test_every_problem_is_resumed(job, problem):
    if data := missing(problem):
        pytest.skip(f"the data have not been fetched: python scripts/data.py fetch {data}")
    size = "full" if re.search("/data: exact|^batch_size: full", text(problem), re.MULTILINE) else 20
    assert resumed_equals_whole(job, f"problem={problem}", f"batch_size={size}", *QUICK)


@pytest.mark.parametrize(
    "words",
    [
        ("schedule=cosine", "schedule.warmup=0.5"),
        ("schedule=step",),
        ("batch_size=full", "microbatch=64"),
        ("batch_size=1",),
        ("trainer.precision=64-true",),
        ("trainer.precision=bf16-mixed",),
        ("model.norm=batch", "data.drop_last=true"),
        ("optimizer.amsgrad=true", "optimizer.weight_decay=0.1"),
        ("optimizer.fused=true",),
        ("seed=3", "data_seed=4", "model.dropout=0.5"),
        ("schedule=one_cycle",),
        ("schedule=reduce_on_plateau", "schedule.patience=0", "schedule.threshold=0.5"),
        ("optimizer=momentum", "schedule@momentum_schedule=linear"),
        ("optimizer=adamw", "schedule@decay_schedule=linear"),
        ("clip.norm=0.1",),
        ("clip.value=0.001",),
        ("decay.rate=0.1", "decay.kind=coupled"),
        ("decay.rate=0.1", "decay.kind=decoupled", "decay.to=matrices", "schedule@decay_schedule=linear"),
        ("decay.rate=0.1", "decay.kind=independent", "schedule=cosine"),
        ("average.kind=ema", "model.norm=batch"),
        ("average.kind=swa", "average.start=0.75"),
        ("average.kind=swa", "trainer.precision=bf16-true"),
        ("lr_decay=0.5", "schedule=linear"),
        ("groups=[{match: head, to: auxiliary}, {}]", "auxiliary={_target_: descentlab.optim.scratch.NAdam, _partial_: true}"),
        ("optimizer=schedulefree_adamw", "model.norm=batch"),
        ("optimizer=sam", "model.norm=batch", "clip.norm=0.1", "decay.rate=0.1", "decay.kind=coupled"),
        ("optimizer=lbfgs", "decay.rate=0.1", "decay.kind=coupled", "microbatch=10"),
    ],
    ids=" ".join,
)
def test_every_kind_of_step_is_resumed(job, words):
    assert resumed_equals_whole(job, "problem=digits_mlp", *words, *QUICK)


def test_another_run_in_the_same_process_does_not_affect_a_resumed_run(job):
    words = ("problem=digits_mlp", "model.dropout=0.5", *QUICK)
    whole, parts, another = job(*words, "sweep=whole"), job(*words, "sweep=parts"), job(*words, "seed=9", "sweep=another")
    run(whole)
    interrupted(parts)
    run(another)
    run(parts)
    assert timeless_curves(parts).equals(timeless_curves(whole))


def test_a_resumed_run_takes_only_the_remaining_steps(job, monkeypatch):
    step = importlib.import_module("descentlab.optim.step").Step
    taken: list[int] = []
    call = step.__call__
    monkeypatch.setattr(step, "__call__", lambda self, *args, **more: (taken.append(self.count), call(self, *args, **more))[1])
    given = job("problem=digits_mlp", *QUICK)
    interrupted(given)
    run(given)
    assert taken == list(range(12))


def test_a_run_without_its_checkpoint_restarts_and_keeps_no_earlier_row(job):
    words = ("problem=digits_mlp", "model.dropout=0.5", *QUICK)
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    run(whole)
    interrupted(parts)
    (parts.folder / CHECKPOINT).unlink()
    run(parts)
    assert timeless_curves(parts).equals(timeless_curves(whole))


def test_a_damaged_checkpoint_is_reported_and_the_run_restarts(job, capsys):
    words = ("problem=digits_mlp", "model.dropout=0.5", *QUICK)
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    run(whole)
    interrupted(parts)
    content = bytearray((parts.folder / CHECKPOINT).read_bytes())
    content[len(content) // 2] ^= 1
    (parts.folder / CHECKPOINT).write_bytes(bytes(content))
    run(parts)
    assert "restarts" in capsys.readouterr().err
    assert timeless_curves(parts).equals(timeless_curves(whole))


@pytest.mark.parametrize("left", ["nothing", "half", "a torn line more"])
def test_resumed_curves_are_complete_if_the_file_is_shorter_or_longer_than_at_the_checkpoint(job, left):
    """A disk may lose the last writes. A completed run never has an incomplete curve."""
    words = ("problem=digits_mlp", *QUICK)
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    run(whole)
    interrupted(parts)
    path = parts.folder / CURVES
    content = path.read_bytes()
    kept = {"nothing": b"", "half": content[: len(content) // 2], "a torn line more": content + b'{"step": 9, "tra'}
    path.write_bytes(kept[left])
    run(parts)
    assert timeless_curves(parts).equals(timeless_curves(whole))


def test_a_run_that_died_after_its_curves_were_finished_keeps_all_rows(job):
    """The process dies between the end of training and the writing of the record."""
    given = job("problem=digits_mlp", *QUICK)
    interrupted(given)
    checkpoint = (given.folder / CHECKPOINT).read_bytes()
    run(given)
    expected = timeless_curves(given)
    assert (given.folder / PARQUET).exists()
    (given.folder / CHECKPOINT).write_bytes(checkpoint)  # it is removed only after the record was written
    run(given)
    assert timeless_curves(given).equals(expected)


@pytest.mark.slow
def test_a_resumed_run_is_one_wandb_run_with_the_whole_curve(job, monkeypatch, tmp_path):
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    given = job("problem=digits_mlp", "logger=wandb", "logger.live=true", *QUICK)
    interrupted(given)
    interrupted(given, 9, start=AT)
    run(given)
    (path,) = (given.folder.parent / "wandb").glob("offline-run-*/*.wandb")
    records, written = wandb_records(path), read_curves(given.folder)
    rows = [record["item"] for record in records["history"]]
    assert [row["x/step"] for row in rows] == written["step"].unique(maintain_order=True).to_list()
    for column in ("train/loss", "valid/loss"):
        assert [row[column] for row in rows if column in row] == written[column].drop_nulls().to_list() != []
    assert [record["exit_code"] for record in records["exit"]] == [0]


@pytest.mark.parametrize("engine", ["lightning", "explicit"])
@pytest.mark.parametrize("how", ["budget", "patience", "divergence"])
def test_a_run_that_died_after_its_last_step_takes_no_further_step(job, engine, how):
    ends = {"budget": (), "patience": ("stop.patience=1", "stop.min_delta=9"), "divergence": ("optimizer.lr=1e6",)}[how]
    words = ("problem=digits_mlp", "optimizer=scratch/momentum", f"engine={engine}", "checkpoint.keep=true", *ends, *QUICK)
    given = job(*words)
    first = run(given)
    second = run(given)
    assert (second.status, second.reason, second.summary) == (first.status, first.reason, first.summary)
