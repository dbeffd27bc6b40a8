"""Streamed data give bit-identical batches, curves and checkpoints to data in memory."""

from __future__ import annotations

import re

import pytest
import torch
from conftest import AtPoint, compose_config
from support.curves import timeless_curves
from torch.utils.data import TensorDataset

from descentlab.budget import Plan
from descentlab.data.loading import loader
from descentlab.data.loading.loader import EvalLoader, TrainLoader
from descentlab.data.loading.streamed import StreamedEvalLoader, StreamedLoader
from descentlab.launchers.checks.conflicts import conflicts
from descentlab.run import main, run
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.store.record import Record

QUICK = ("budget.epochs=null", "budget.steps=12", "validate_every=5", "log_every=3", "data.limit=150", "model.dropout=0.2")
STREAMED = ("data._target_=support.streamed_digits.StreamedDigits", "sweep=streamed")
HERE, AHEAD = {"num_workers": 0}, {"num_workers": 2}


def pair(reading=HERE, rows=50, size=8, steps=30, **share):
    """Return a loader of tensors in memory and a streamed loader of the same data."""
    budget = {"epochs": None, "steps": steps, "examples": None, "seconds": None}
    plan, numbers = Plan.of(rows, size, budget, 10), torch.arange(rows)
    tensors = (numbers.float(), numbers * 10)
    order = (share.get("microbatch"), share.get("rank", 0), share.get("world", 1), share.get("step", 0))
    return TrainLoader(tensors, plan, 3, *order), StreamedLoader(TensorDataset(*tensors), tuple, reading, plan, 3, *order)


def same(first, second) -> bool:
    """Return True if two lists of parts are equal."""
    return len(first) == len(second) and all(
        a.weight == b.weight and all(torch.equal(x, y) for x, y in zip(a.batch, b.batch, strict=True))
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize(
    "share",
    [{}, {"microbatch": 3}, {"rank": 1, "world": 3}, {"rank": 2, "world": 3, "microbatch": 2}, {"size": 50}],
    ids=str,
)
def test_parts_equal_those_of_data_in_memory(share):
    expected, made = pair(**share)
    assert all(same(made.parts(step), expected.parts(step)) for step in range(15))
    assert made.digest(15) == expected.digest(15)


def test_steps_out_of_order_do_not_disturb_the_stream():
    expected, made = pair(step=5)
    for step in (0, 5, 28, 5, 6, 6, 2, 7, 8):
        assert same(made.parts(step), expected.parts(step))
    assert made.due == 9


def test_workers_read_ahead_and_across_validations():
    expected, made = pair(AHEAD)
    served = [parts for _ in range(3) for chunk in made for parts in chunk]
    assert len(served) == 30
    assert all(same(parts, expected.parts(step)) for step, parts in enumerate(served))


@pytest.mark.parametrize("world", [1, 3])
def test_evaluation_batches_equal_those_of_data_in_memory(world):
    tensors = (torch.arange(20.0), torch.arange(20))
    for rank in range(world):
        expected = EvalLoader(tensors, 3, rank, world)
        made = StreamedEvalLoader(TensorDataset(*tensors), tuple, HERE, 3, rank, world)
        assert len(made) == len(expected)
        for _ in range(2):
            assert [[x.tolist() for x in batch] for batch in made] == [[x.tolist() for x in batch] for batch in expected]


@pytest.mark.parametrize("words", [("+data.workers=0",), ("+data.workers=1", "microbatch=13")], ids=" ".join)
def test_curves_of_streamed_digits_equal_those_in_memory(train, words):
    memory = train(*QUICK, *(word for word in words if not word.startswith("+")))
    streamed = train(*QUICK, *STREAMED, *words)
    assert timeless_curves(streamed).equals(timeless_curves(memory))
    assert streamed.record.summary["test"] == memory.record.summary["test"]
    assert streamed.record.data["rows"] == memory.record.data["rows"]


@pytest.mark.slow
def test_explicit_engine_trains_on_streamed_data(train):
    words = (*QUICK, "optimizer=scratch/adam", "engine=explicit")
    assert timeless_curves(train(*words, *STREAMED)).equals(timeless_curves(train(*words)))


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("+data.noise=0.3", "microbatch=7")], ids=str)
def test_resumed_streamed_run_equals_uninterrupted_run(job, monkeypatch, more):
    monkeypatch.setattr(loader, "MAX_CHUNK", 1)
    words = (*QUICK, *STREAMED, *more)
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    run(whole)
    with pytest.raises(Interrupted, match=r"at step 7$"):
        run(parts, AtPoint(7))
    run(parts)
    assert timeless_curves(parts).equals(timeless_curves(whole))
    assert timeless_curves(whole).height > 5


@pytest.mark.slow
def test_random_transforms_depend_on_data_seed_and_epoch_only(train):
    words = (*QUICK, *STREAMED, "+data.noise=0.3", "batch_size=75", "log_every=1")
    here, ahead = (train(*words, f"+data.workers={n}", f"sweep=w{n}") for n in (0, 1))
    other = train(*words, "data_seed=1", "sweep=other")
    assert here.column("train/loss") == ahead.column("train/loss") != other.column("train/loss")
    still = train(*words, "optimizer.lr=0", "model.dropout=0", "sweep=still").column("train/loss")
    assert len({round(sum(still[epoch : epoch + 2]), 5) for epoch in (0, 2, 4)}) == 3  # an epoch has two steps


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param("dies", r"DataLoader worker .* (is killed by signal: Killed|exited unexpectedly)", marks=pytest.mark.slow),
        ("breaks", "example 20 cannot be read"),
    ],
)
def test_dead_worker_fails_the_run_with_its_message(job, fault, message):
    given = job(*QUICK, *STREAMED, "+data.workers=1", f"+data.{fault}=20")
    assert main(given.folder, Interruption()) == 1
    record = Record.read(given.folder)
    assert record.status == "failed"
    assert re.search(message, record.reason)


@pytest.mark.slow
def test_reading_options_do_not_change_the_run_id(job):
    ids = {job(*STREAMED, f"+data.workers={n}", f"+data.pin_memory={pin}").id for n, pin in ((0, "true"), (3, "false"))}
    assert len(ids) == 1
    assert job(*STREAMED, "+data.eval_batch=10").id not in ids


@pytest.mark.slow
def test_baseline_is_refused_before_it_starts():
    words = ("problem=diabetes_linear", "data._target_=support.streamed_digits.StreamedDigits", "baseline=normal_equation")
    config, _, _ = compose_config(*words)
    assert any("streamed" in mistake for mistake in conflicts(config))
