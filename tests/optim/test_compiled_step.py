"""Runs with compile=step equal those with compile=false up to rounding, and are resumed bit for bit.

Most tests leave the programs uncompiled, since compiling each takes 10 seconds and more: they then run the same operations.
"""

from __future__ import annotations

import pytest
import torch
from conftest import AtPoint, compose_config
from support.curves import timeless_curves
from torch import nn

from descentlab.config.identity import run_id
from descentlab.data.loading import loader
from descentlab.errors import UsageError
from descentlab.launchers.checks.conflicts import conflicts
from descentlab.models.mlp import MLP
from descentlab.optim import compiled_step
from descentlab.optim.programs import compiled
from descentlab.optim.programs.program import Program
from descentlab.run import run
from descentlab.store.interruption import Interrupted
from descentlab.store.record import Status

DOUBLE = ("problem=digits_mlp", "trainer.precision=64-true", "log_every=1")
SHORT = (*DOUBLE, "budget.epochs=null", "budget.steps=45", "validate_every=20")  # an epoch has 39, the last one smaller
COLUMNS = ("train/loss", "train/grad_norm", "train/update_norm", "train/lr", "valid/loss", "valid/accuracy")


class Unused(MLP):
    """A network with a parameter that its output does not depend on."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.unused = nn.Parameter(torch.zeros(2))


@pytest.fixture
def interpreted(monkeypatch):
    monkeypatch.setattr(Program, "compile", lambda program: None)


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("programs")


@pytest.fixture
def cached(shared_cache, monkeypatch):
    monkeypatch.setenv(compiled.FOLDER, str(shared_cache))


def assert_equal(train, *words, rel=1e-10):
    plain, stepped = train(*words), train(*words, "compile=step", "sweep=step")
    assert (plain.record.summary["compile"], stepped.record.summary["compile"]) == (False, "step")
    for column in COLUMNS:
        assert stepped.column(column) == pytest.approx(plain.column(column), rel=rel, abs=1e-12), column
    return stepped


@pytest.mark.parametrize(
    "words",
    [
        ("optimizer=adam", "schedule=cosine", "schedule.warmup=5"),
        ("optimizer=momentum", "decay.rate=0.1", "decay.kind=independent", "schedule@momentum_schedule=linear"),
        ("optimizer=nesterov", "schedule=one_cycle"),
        ("optimizer=adamw", "schedule@decay_schedule=linear", "average.kind=ema", "average.decay=0.9", "average.start=7"),
        (
            "optimizer=sgd",
            "clip.norm=0.5",
            "clip.value=0.05",
            "decay.rate=0.1",
            "decay.kind=coupled",
            "decay.to=matrices",
            "model.norm=batch",
        ),
        ("optimizer=adagrad", "average.kind=swa", "average.start=0.5", "schedule=reduce_on_plateau", "schedule.patience=0"),
        ("optimizer=scratch/muon", "optimizer.ns_dtype=float64"),
        ("optimizer=scratch/schedule_free_adamw", "clip.norm=1"),
        ("optimizer=radam", "batch_size=full"),
        ("optimizer=adamax", "clip.adaptive=0.02", "clip.norm=0.3", "noise.std=0.05", "model.norm=layer"),
    ],
    ids=lambda words: words[0].partition("=")[2],
)
def test_program_takes_the_steps_of_separate_operations(train, interpreted, words):
    assert_equal(train, *SHORT, *words)


@pytest.mark.parametrize(
    "words",
    [
        ("optimizer=momentum", "model.dropout=0.2", "model.norm=batch", "average.kind=ema", "average.start=3"),
        pytest.param(("optimizer=nadam", "schedule=cosine"), marks=pytest.mark.slow),
        pytest.param(("optimizer=scratch/schedule_free_sgd", "clip.norm=0.1"), marks=pytest.mark.slow),
        pytest.param(("optimizer=adagrad", "average.kind=swa", "average.start=30"), marks=pytest.mark.slow),
    ],
    ids=lambda words: words[0].partition("=")[2],
)
def test_resumed_curves_equal_uninterrupted_curves(job, interpreted, monkeypatch, words):
    assert_resumed(job, monkeypatch, *SHORT, *words)


def assert_resumed(job, monkeypatch, *words):
    monkeypatch.setattr(loader, "MAX_CHUNK", 1)
    whole, parts = job(*words, "compile=step", "sweep=whole"), job(*words, "compile=step", "sweep=parts")
    run(whole)
    with pytest.raises(Interrupted):
        run(parts, AtPoint(23))
    run(parts)
    assert timeless_curves(parts).equals(timeless_curves(whole))


@pytest.mark.parametrize(("first", "second"), [("step", "false"), ("false", "step"), ("step", "auto")])
def test_resumed_run_keeps_the_mode_in_which_it_began(job, interpreted, monkeypatch, first, second):
    monkeypatch.setattr(loader, "MAX_CHUNK", 1)
    with pytest.raises(Interrupted):
        run(job(*SHORT, f"compile={first}", "sweep=s"), AtPoint(10))
    resumed = job(*SHORT, f"compile={second}", "sweep=s")
    assert run(resumed).summary["compile"] == ("step" if first == "step" else False)


def test_auto_does_not_compile_short_runs(train):
    assert train(*SHORT, "compile=auto").record.summary["compile"] is False


def test_auto_compiles_if_this_is_expected_to_save_time(train, interpreted, monkeypatch):
    monkeypatch.setattr(compiled_step, "saves_time", lambda take_pass, steps, programs: steps == 45 and programs == 2)
    assert train(*SHORT, "compile=auto").record.summary["compile"] == "step"


@pytest.mark.parametrize("word", ["microbatch=8", "optimizer=lbfgs", "optimizer=sam", "callbacks=lr_monitor"])
def test_auto_takes_plain_steps_where_no_program_is_possible(train, word):
    run = train(*SHORT, "budget.steps=3", "compile=auto", word)
    assert run.record.summary["compile"] is False


def test_auto_warns_if_compiling_fails(train, monkeypatch):
    def fail(program):
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(compiled_step, "saves_time", lambda *_: True)
    monkeypatch.setattr(Program, "compile", fail)
    with pytest.warns(UserWarning, match="compile=auto: steps are not compiled. no C\\+\\+ compiler"):
        assert train(*SHORT, "compile=auto").record.status is Status.COMPLETED
    with pytest.raises(UsageError, match="no C\\+\\+ compiler"):
        train(*SHORT, "compile=step", "sweep=step")


def test_parameter_without_gradient_is_refused(train, interpreted):
    with pytest.raises(UsageError, match="dense gradients: the loss does not depend on the parameter"):
        train(*SHORT, "model._target_=optim.test_compiled_step.Unused", "compile=step")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("microbatch=8", "compile=step: a program takes the whole batch: leave microbatch out"),
        ("trainer.precision=bf16-mixed", "compile=step: programs compute in 32-true or 64-true, not in bf16-mixed"),
        ("callbacks=lr_monitor", "compile=step: callbacks are not called inside a program: leave callbacks out"),
        ("trainer=ddp", "compile=step: a program has one process: use trainer=cpu or trainer=gpu with trainer.devices=1"),
    ],
)
def test_setting_that_a_program_does_not_support_is_refused(word, message):
    assert message in compose_config("compile=step", word)[2]
    assert not compose_config("compile=auto", word)[2]


def test_optimizer_without_update_rule_is_refused():
    config = compose_config("compile=step", "optimizer=lbfgs")[0]
    assert "compile=step needs an update rule, which LBFGS does not have: use compile=auto or compile=false" in conflicts(
        config
    )


def test_compiling_steps_does_not_change_the_run_id():
    ids = [run_id(compose_config(f"compile={mode}")[0]) for mode in ("false", "step", "auto", "true")]
    assert ids[0] == ids[1] == ids[2] != ids[3]


@pytest.mark.slow
def test_compiled_run_equals_plain_run(train, cached):
    words = ("budget.epochs=null", "budget.steps=200", "data.drop_last=true", "model.norm=batch")
    words += ("clip.norm=1", "schedule=cosine", "decay.rate=0.01", "average.kind=ema")
    stepped = assert_equal(train, *DOUBLE, *words)
    seconds = stepped.record.timings["fit"]
    assert stepped.record.summary["train_seconds"] < seconds / 2  # most of the time was spent on compiling


@pytest.mark.slow
def test_compiled_run_in_single_precision_equals_plain_run(train, cached):
    words = ("budget.epochs=null", "budget.steps=200", "data.drop_last=true", "trainer.precision=32-true")
    assert_equal(train, *DOUBLE, *words, rel=1e-4)


@pytest.mark.slow
def test_compiled_run_is_resumed_bit_for_bit(job, cached, monkeypatch):
    words = ("model.dropout=0.2", "optimizer=momentum", "data.drop_last=true", "trainer.precision=32-true")
    assert_resumed(job, monkeypatch, *SHORT, *words)
