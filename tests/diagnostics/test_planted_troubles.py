"""Planted troubles: each is reported by the right alert, at the right layer and step, and fixed by the override that it names.

Healthy runs of different families raise no alert.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from conftest import ROOT
from support.commands import TRAIN, run_script

from descentlab.store.alert import Alert, alerts_of

EVERY = "diagnostics.every=10"  # the steps that probes measure do not depend on the speed of this machine
DIGITS = "problem=digits_mlp"
RECALL = "problem=temporal_order budget.epochs=null validate_every=100"
FEW = "budget.epochs=5"
FAST = f"optimizer=sgd optimizer.lr=0.1 {FEW}"


def hidden(layers: int, width: int = 64) -> str:
    return f"model.hidden=[{','.join([str(width)] * layers)}]"


@dataclass(frozen=True)
class Trouble:
    """A command whose run has a trouble, and the alert that is expected.

    Args:
        name: of the trouble.
        words: of the command.
        rule, step, layer: of the alert.
        fixes: those of its fixes that are tested; by default, the first one.
    """

    name: str
    words: str
    rule: str
    step: int
    layer: str | None = None
    fixes: tuple[str, ...] = ()


FIRST = "blocks.0.layers.0"
GPT = "problem=shakespeare_gpt model.width=32 data.length=32 data.stride=32 validate_every=100 optimizer=adamw"
RNN = "problem=shakespeare_lstm model=rnn data.length=64 data.stride=64 budget.epochs=null budget.steps=150 validate_every=50"
UNSCALED = "data=digits_unit data._target_=support.troubles.UnscaledDigits data.pixels=unit data.peak=null"
MINUTES = ("model.layers=8", "temporal_order optimizer=adam")  # parts of the commands whose runs take minutes
HELPERS = {"__init__", "alert", "fixes", "rows"}  # files beside the rules
FOUR = (
    "model.activation=relu model.init=he",
    "model.residual=true",
    "model.norm=batch",
    "model.activation=tanh model.init=glorot",
)
TROUBLES = (
    Trouble("deep sigmoids", f"{DIGITS} {hidden(8)} model.activation=sigmoid optimizer=sgd", "vanishing", 0, FIRST, FOUR),
    Trouble(
        "small initial scale",
        f"{DIGITS} {hidden(24)} model.activation=tanh model.init=standard optimizer=sgd {FEW}",
        "vanishing",
        0,
        FIRST,
    ),
    Trouble("recurrent radius 2", f"{RECALL} budget.steps=600 model=rnn model.init_radius=2", "exploding", 0, "cells"),
    Trouble("recurrent radius 3", f"{RNN} model.init_radius=3", "exploding", 0, "cells", ("model.init_radius=1",)),
    Trouble("recurrent radius 0.5", f"{RECALL} budget.steps=600 model=rnn model.init_radius=0.5", "plateau", 0),
    Trouble("sgd, rate x 100", f"{DIGITS} optimizer=sgd optimizer.lr=1 {FEW}", "lr_high", 0),
    Trouble("adam, rate x 100", f"{DIGITS} optimizer=adam optimizer.lr=0.1 {FEW}", "lr_high", 0),
    Trouble(
        "sum instead of mean",
        f"{DIGITS} task._target_=support.troubles.SummedLoss optimizer=sgd optimizer.lr=0.1 {FEW}",
        "lr_high",
        50,
    ),
    Trouble("momentum 0.999", f"{DIGITS} optimizer=momentum optimizer.momentum=0.999 budget.epochs=10", "lr_high", 350),
    Trouble("sgd, rate / 1000", f"{DIGITS} optimizer=sgd optimizer.lr=1e-5 {FEW}", "lr_low", 0),
    Trouble("adam, rate / 1000", f"{DIGITS} optimizer=adam optimizer.lr=1e-6 {FEW}", "lr_low", 0),
    Trouble("clipped too much", f"{DIGITS} optimizer=sgd clip.norm=1e-4 {FEW}", "lr_low", 0),
    Trouble("start beside a saddle", "problem=saddle optimizer=sgd optimizer.lr=0.01 budget.steps=800", "saddle", 243),
    Trouble("degenerate saddle", "problem=monkey_saddle optimizer=sgd optimizer.lr=0.01 budget.steps=700", "saddle", 0),
    Trouble("weights of zero", f"{DIGITS} model.init=zeros optimizer=sgd {FEW}", "saddle", 0, FIRST),
    Trouble("oscillation", "problem=beale optimizer=sgd optimizer.lr=0.05", "oscillation", 148),
    Trouble("dead ReLUs", f"{DIGITS} optimizer=sgd optimizer.lr=3 {FEW}", "dead_units", 10, "blocks.0.layers.1"),
    Trouble(
        "not a number",
        f"{DIGITS} model._target_=support.troubles.RootMLP model.activation=sqrt {hidden(4)} {FAST}",
        "nonfinite",
        14,
        "blocks.2.layers.1",
    ),
    Trouble(
        "unscaled features",
        f"{DIGITS} {UNSCALED} optimizer=sgd {FEW}",
        "unscaled_inputs",
        0,
        FIRST,
    ),
    Trouble("frozen layer", f"{DIGITS} groups=[{{match:blocks.1,lr:0.0}},{{}}] {FEW}", "frozen_layer", 0, "blocks.1.layers.0"),
    Trouble(
        "attention without qk-norm",
        f"{GPT} model.layers=2 optimizer.lr=0.03 budget.steps=200",
        "attention",
        30,
        "blocks.0.attention",
    ),
    Trouble(
        "post-norm without warm-up",
        f"{GPT} model.layers=8 model.norm_position=post optimizer.lr=0.01 budget.steps=300",
        "missing_warmup",
        0,
    ),
    Trouble(
        "beta2 near 1", "problem=rosenbrock optimizer=adam optimizer.lr=0.01 optimizer.betas=[0.9,0.99999]", "stale_moment", 67
    ),
    Trouble(
        "weight decay", f"{DIGITS} optimizer=sgd optimizer.lr=0.1 decay.rate=0.3 budget.epochs=10", "weight_decay", 60, FIRST
    ),
    Trouble(
        "label noise",
        f"{DIGITS} data._target_=support.troubles.NoisyDigits +data.noise=0.5 {hidden(2, 256)} optimizer.lr=0.003",
        "overfitting",
        390,
    ),
    Trouble(
        "restart of the schedule",
        f"{DIGITS} optimizer=sgd optimizer.lr=1 schedule=cosine_restarts schedule.period=300 budget.epochs=20",
        "loss_spike",
        310,
    ),
)
HEALTHY = (
    f"{DIGITS} optimizer=adam",
    f"{DIGITS} optimizer=momentum",
    f"{DIGITS} optimizer=rmsprop",
    f"{DIGITS} optimizer=muon budget.epochs=10",
    "problem=digits_softmax optimizer=adam",
    "problem=digits_autoencoder optimizer=adam budget.epochs=30",
    "problem=temporal_order optimizer=adam clip.norm=1 budget.epochs=2",
    f"{GPT} model.layers=2 schedule=cosine schedule.warmup=50 budget.steps=200",
    "problem=california_mlp optimizer=adam budget.epochs=10",
    "problem=diabetes_linear optimizer=sgd",
    "problem=breast_cancer_logistic optimizer=momentum",
    "problem=quadratic_deep optimizer=sgd",
    "problem=rosenbrock optimizer=adam optimizer.lr=0.01",
    "problem=adult_mlp optimizer=adam budget.epochs=3",
    "problem=movielens_mf optimizer=adam budget.epochs=2",
    "problem=mslr_sample_ranker optimizer=adam",
)


def with_fix(words: str, fix: str) -> list[str]:
    """Return the words of a command with those of `fix`, which replace words about the same keys or groups."""
    keys = [word.partition("=")[0] for word in fix.split()]
    replaced = tuple(f"{key}{sign}" for key in keys for sign in "=.")
    return [word for word in words.split() if not word.lstrip("+").startswith(replaced)] + fix.split()


def final_loss(run) -> float:
    """Return the last validation loss; infinite for a run that has diverged."""
    return float("inf") if run.record.status == "diverged" else run.column("valid/loss")[-1]


def found(run, rule: str) -> list[Alert]:
    return [alert for alert in alerts_of(run.record.summary) if alert.rule == rule]


def marked(words: str) -> pytest.MarkDecorator:
    """Return the marker of a command: `long` if its runs take minutes."""
    return pytest.mark.long if any(part in words for part in MINUTES) else pytest.mark.slow


@pytest.mark.parametrize("trouble", [pytest.param(each, id=each.name, marks=marked(each.words)) for each in TROUBLES])
def test_a_trouble_is_reported_and_fixed_by_the_override_of_its_alert(train, trouble):
    run = train(*trouble.words.split(), EVERY)
    (alert,) = found(run, trouble.rule)
    assert (alert.step, alert.layer) == (trouble.step, trouble.layer)
    assert set(trouble.fixes) <= set(alert.fixes)
    for fix in trouble.fixes or alert.fixes[:1]:
        fixed = train(*with_fix(trouble.words, fix), EVERY)
        assert not found(fixed, trouble.rule), fix
        assert final_loss(fixed) < final_loss(run), fix


def test_there_are_as_many_troubles_as_are_documented():
    assert len(TROUBLES) >= 24
    assert len(HEALTHY) >= 12
    rules = {path.stem for path in (ROOT / "src/descentlab/diagnostics/alerts").glob("*.py")} - HELPERS
    assert {trouble.rule for trouble in TROUBLES} == rules


@pytest.mark.parametrize("words", [pytest.param(words, marks=marked(words)) for words in HEALTHY])
def test_a_healthy_run_raises_no_alert(train, words):
    assert train(*words.split(), EVERY).record.summary["alerts"] == []


@pytest.mark.slow
def test_the_command_reports_deep_sigmoids_and_lists_four_fixes(tmp_path):
    words = TROUBLES[0].words.split()
    done = run_script(TRAIN, *words, "logger=none", "sweep=s", f"data_dir={ROOT}/data", cwd=tmp_path)
    lines = done.stderr.splitlines()
    ((place, line),) = [(place, line) for place, line in enumerate(lines) if line.startswith("alert ")]
    assert "gradients vanish" in line
    assert f"in {FIRST} and" in line
    assert "in blocks.7.layers.0, a ratio of" in line
    assert "(since step 0); try one of these" in line
    assert tuple(each.strip() for each in lines[place + 1 : place + 5]) == FOUR
