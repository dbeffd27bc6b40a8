"""Stop rules, from events alone and in real runs: alone, in a fused group, in two processes, and after a resume."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import pytest
from conftest import AtPoint, compose_config
from support.torchrun import train_in_two_processes

from descentlab.config.identity import run_id
from descentlab.run import run
from descentlab.store.core import Core
from descentlab.store.interruption import Interrupted
from descentlab.store.record import CHECKPOINT, Record, Status, read_curves
from descentlab.training.events import StepsDone, Validated
from descentlab.training.stopping import Gap, Goal, Patience, Plateau, SmallGradient, Stop, rules_of

NAN = float("nan")


def steps(first, *losses, norms=None):
    measured = {first + place: {"grad_norm": norm} for place, norm in (norms or {}).items()}
    return StepsDone(first, losses, range(first, first + len(losses)), measured)


def validated(step, loss=1.0, undefined=()):
    return Validated(step, step, {"loss": loss}, dict.fromkeys(undefined, "no example"))


def test_stop_has_the_defaults_of_the_config():
    assert asdict(Stop(**asdict(Core.of(compose_config()[0]).stop))) == asdict(replace(Stop(), divergence=1e4))
    assert rules_of(Stop(), Goal("loss", "min")) == {}


def test_plateau_compares_the_means_of_consecutive_windows_whatever_the_chunks():
    losses = [8.0, 4.0, 3.0, 3.0, 2.0, 3.9, 2.9, 2.9, 9.0]
    for size in (1, 2, 3, 9):
        rule, reasons = Plateau(0.02, window=2), []
        for first in range(0, len(losses), size):
            rule.steps_done(steps(first, *losses[first : first + size]))
            reasons.append(rule.reason())
        assert rule.means == [2.95, 2.9]
        assert bool(reasons[-1]) == (0.05 / 2.95 <= 0.02)
    assert reasons[-1] == "the mean training loss of 2 steps changed by 0.017 of it, 2.95 to 2.9, at most stop.plateau=0.02"


@pytest.mark.parametrize(("means", "tolerance", "stops"), [((1.0, 1.5), 0.4, 0), ((-1.0, -1.1), 0.11, 1), ((0.0, 0.0), 0.1, 1)])
def test_plateau_is_relative_to_the_absolute_value_of_the_earlier_window(means, tolerance, stops):
    rule = Plateau(tolerance, window=1)
    for step, mean in enumerate(means):
        assert not rule.reason()
        rule.steps_done(steps(step, mean))
    assert bool(rule.reason()) == bool(stops)


def test_losses_that_are_not_finite_are_no_plateau():
    rule = Plateau(0.1, window=1)
    rule.steps_done(steps(0, NAN, NAN))
    assert not rule.reason()


def test_small_gradient_needs_all_rows_between_two_validations():
    rule = SmallGradient(0.1)
    found = []
    for norms in ({0: 0.05, 1: 0.2}, {0: 0.05, 1: 0.1}, {}, {0: NAN}):
        rule.steps_done(steps(0, 1.0, 1.0, norms=norms))
        rule.validated(validated(2))
        found.append(bool(rule.reason()))
    assert found == [False, True, False, False]


def test_rows_of_steps_that_were_cut_do_not_count():
    rule = SmallGradient(0.1)
    rule.steps_done(steps(0, 1.0, 1.0, norms={0: 0.05, 1: 9.0}).until(0))
    rule.validated(validated(1))
    assert rule.reason() == "the norm of the gradient was 0.05, at most stop.grad_norm=0.1"


def test_gap_is_the_ratio_to_the_mean_training_loss_since_the_last_validation():
    rule, found = Gap(2.0), []
    for losses, loss in (((9.0,), 1.0), ((1.0, 2.0), 3.0), ((1.0, 2.0), 3.1), ((), 5.0), ((-1.0,), 5.0), ((1.0,), NAN)):
        rule.steps_done(steps(0, *losses))
        rule.validated(validated(1, loss))
        found.append(rule.reason())
    assert found == [
        "",
        "",
        "the validation loss 3.1 was 2.07 times the training loss 1.5, more than stop.gap=2 times",
        "",
        "",
        "",
    ]
    rule.steps_done(steps(0, 1.0))
    rule.validated(validated(1, 9.0, undefined=["loss"]))
    assert not rule.reason()


@pytest.mark.parametrize(
    "rule",
    [Plateau(0.1, 3), SmallGradient(0.1), Gap(2.0), Patience(Goal("loss", "min"), 2, 0.0)],
    ids=lambda rule: type(rule).__name__,
)
def test_a_restored_rule_gives_the_same_reasons(rule):
    def play(each, first, found):
        for step in range(first, first + 4):
            each.steps_done(steps(2 * step, 1.0, 1.0, norms={0: 0.01}))
            each.validated(validated(step, 3.0))
            found.append(each.reason())

    plain, resumed = [], []
    play(rule, 0, plain)
    saved = dict(rule.state_dict())
    play(rule, 4, plain)
    other = type(rule).__new__(type(rule))
    other.load_state_dict(saved)
    play(other, 4, resumed)
    assert resumed == plain[4:]
    assert any(plain)


BASE = ("problem=diabetes_linear", "optimizer=sgd", "batch_size=full", "budget.epochs=null", "budget.steps=4000")
BASE += ("validate_every=40", "log_every=1", "optimizer.lr=0.1", "trainer.precision=64-true")
RULES = {
    "plateau": ("stop.plateau=1e-4", "stop.window=25"),
    "grad_norm": ("stop.grad_norm=0.2",),
    "gap": ("stop.gap=1.05",),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_run_ends_at_the_first_validation_at_which_its_curves_meet_the_rule(train, rule):
    words = (*BASE, *RULES[rule])
    if rule == "gap":
        words += ("data.limit=60",)
    done = train(*words)
    assert done.record.status is Status.COMPLETED
    losses, norms, valid = (done.column(name) for name in ("train/loss", "train/grad_norm", "valid/loss"))
    stops = []
    for place, step in enumerate(range(40, done.record.summary["steps"] + 1, 40), 1):
        windows = [math.fsum(losses[end - 25 : end]) / 25 for end in range(25, step + 1, 25)][-2:]
        is_met = {
            "plateau": len(windows) == 2 and abs(windows[1] - windows[0]) <= 1e-4 * windows[0],
            "grad_norm": max(norms[step - 40 : step]) <= 0.2,
            "gap": valid[place] > 1.05 * math.fsum(losses[step - 40 : step]) / 40,
        }
        stops.append(is_met[rule])
    assert stops == [False] * (len(stops) - 1) + [True]
    assert done.record.summary["steps"] == 40 * len(stops) < 4000
    assert {"plateau": "mean training loss", "grad_norm": "norm of the gradient", "gap": "times the training loss"}[rule] in (
        done.record.reason
    )


@pytest.mark.parametrize("rule", ["plateau", "grad_norm"])
def test_a_resumed_run_ends_at_the_same_step_for_the_same_reason(train, job, rule):
    words = (*BASE, *RULES[rule])
    whole = train(*words, "sweep=whole").record
    parts = job(*words, "sweep=parts")
    with pytest.raises(Interrupted):
        run(parts, AtPoint(3))
    assert (parts.folder / CHECKPOINT).exists()
    record = run(parts)
    assert (record.summary["steps"], record.reason) == (whole.summary["steps"], whole.reason)
    assert whole.reason


@pytest.mark.slow
def test_members_of_a_fused_group_end_as_single_runs_do(job, monkeypatch):
    from descentlab import run_group
    from descentlab.store.interruption import Interruption
    from descentlab.store.record import FUSE

    monkeypatch.setenv(FUSE, "always")
    rows = [RULES["plateau"], RULES["grad_norm"], ("stop.gap=1.2",)]
    jobs = [job(*BASE, *row, "sweep=group") for row in rows]
    assert run_group.main([each.folder for each in jobs], Interruption()) == 0
    for row, member in zip(rows, jobs, strict=True):
        found, single = Record.read(member.folder), run(job(*BASE, *row, "sweep=single"))
        assert found.summary["group"]["size"] == 3
        assert (found.reason, found.summary["steps"]) == (single.reason, single.summary["steps"])


@pytest.mark.slow
def test_two_processes_end_as_one_does(job):
    words = ("problem=digits_mlp", "optimizer=sgd", "optimizer.lr=0.5", "stop.plateau=0.05", "stop.window=20", "log_every=5")
    words += ("validate_every=20", "trainer.accelerator=cpu", "budget.epochs=20", "batch_size=64")
    one, two = job(*words, "sweep=one"), job(*words, "trainer=ddp", "trainer.devices=2", "sweep=two")
    record = run(one)
    train_in_two_processes([two])
    assert "mean training loss" in record.reason
    assert Record.read(two.folder).summary["steps"] == record.summary["steps"] == read_curves(one.folder)["step"].max()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("stop.grad_norm=0.1 diagnostics=none", "stop.grad_norm needs"),
        ("stop.gap=1", "stop.gap=1 is not allowed"),
        ("stop.plateau=0", "stop.plateau=0 is not allowed"),
    ],
)
def test_rules_that_cannot_hold_are_refused(words, message):
    assert any(message in mistake for mistake in compose_config(*words.split())[2])


def test_rows_of_the_curves_are_part_of_the_id_only_if_a_rule_reads_them():
    assert run_id(compose_config("log_every=5")[0]) == run_id(compose_config()[0])
    ids = {run_id(compose_config(f"log_every={every}", "stop.grad_norm=0.1")[0]) for every in (5, 10)}
    assert len({*ids, run_id(compose_config()[0])}) == 3
