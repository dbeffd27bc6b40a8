"""Histories, and the fixes that apply to the config of a run."""

from __future__ import annotations

from descentlab.diagnostics.alerts.fixes import with_lr, with_momentum
from descentlab.diagnostics.alerts.rows import LargestRatio, Unseen
from descentlab.store.alert import Alert, alerts_of


def test_only_fixes_that_change_the_config_are_offered(history):
    made = history(config={"clip": {"norm": 1.0}, "optimizer": {"lr": 0.1, "betas": [0.9, 0.999]}})
    offered = made.fixes(
        "clip.norm=1", "model.residual=true", "model.norm=none", "model.qk_norm=true", "optimizer=sgd", "optimizer=adam"
    )
    assert offered == ["model.residual=true", "optimizer=adam"]
    assert made.fixes("optimizer.betas=[0.9,0.999]", "optimizer.betas=[0.9,0.99]") == ["optimizer.betas=[0.9,0.99]"]


def test_overrides_that_belong_together_are_one_fix(history):
    both = "model.activation=relu model.init=he"
    assert history().fixes(both) == [both]
    assert history(config={"model": {"activation": "relu", "init": "default"}}).fixes(both, "model.init=he") == [
        "model.init=he"
    ]
    assert history(config={"model": {"activation": "relu", "init": "he"}}).fixes(both) == []
    assert history(config={"model": {"activation": "tanh"}}).fixes(both) == [], "there is no model.init"


def test_a_fix_is_offered_once(history):
    assert history().fixes("decay.rate=0.1", "decay.rate=0.1") == ["decay.rate=0.1"]


def test_fixes_depend_on_the_value_in_the_config(history):
    assert with_lr(history(), 0.01) == ["optimizer.lr=0.001"]
    assert with_lr(history(config={"optimizer": {}}), 0.01) == []
    assert with_momentum(history(config={"optimizer": {"momentum": 0.999}}), 0.95) == ["optimizer.momentum=0.9"]
    assert with_momentum(history(config={"optimizer": {"momentum": 0.9}}), 0.95) == []


def test_the_initial_loss_is_that_of_the_validation_before_training(history):
    assert history([2.0, 1.0], valid={0: 3.0, 10: 1.0}).initial_loss == 3.0
    assert history([2.0, 1.0], valid={10: 1.0}).initial_loss == 2.0
    assert history([2.0, 1.0], valid={0: None}).initial_loss == 2.0
    assert history([75.0, 70.0], valid={0: 500.0}).initial_loss == 75.0, "sums over batches of other sizes"
    assert history([-75.0], valid={0: -70.0}).initial_loss == -70.0
    assert history().initial_loss is None


def test_layers_are_in_the_order_of_the_model(history):
    made = history()
    made.order = ["first", "second", "last"]
    assert list(made.in_order({"last": 1.0, "first": 2.0, "second": 3.0})) == ["first", "second", "last"]


def test_every_row_is_read_once():
    rows, unseen = ["a"], Unseen()
    assert list(unseen.of(rows)) == [(0, "a")]
    rows += ["b", "c"]
    assert next(unseen.of(rows)) == (1, "b")
    assert list(unseen.of(rows)) == [(2, "c")]


def test_the_largest_ratio_is_that_of_the_steps_so_far(history):
    ratios = {0: [0.1, 0.2, 0.9], 10: [0.3, 0.4, 0.5], 20: [0.1, 0.1, 0.1]}
    layers = {step: {"update_ratio": dict(zip("abc", values, strict=True))} for step, values in ratios.items()}
    largest, made = LargestRatio(), history(layers=layers)
    assert [(largest.until(made, step), largest.second) for step in (0, 9, 10, 30)] == [
        (0.2, 0.0),
        (0.2, 0.0),
        (0.4, 0.2),
        (0.4, 0.2),
    ]
    assert LargestRatio().until(history(), 10) is None
    assert LargestRatio(max).until(made, 10) == 0.9


def test_the_ratio_of_weights_that_begin_at_zero_does_not_count(history):
    made = history(layers={0: {"update_ratio": {"a": 0.1}}, 10: {"update_ratio": {"a": 0.1, "zero": 5.0}}})
    assert LargestRatio(max).until(made, 10) == 0.1


def test_an_alert_is_stored_and_read_back():
    alert = Alert("vanishing", 1200, "gradients vanish", "head", ("model.norm=batch", "model.residual=true"))
    (read,) = alerts_of({"alerts": [alert.stored()]})
    assert str(read) == str(alert)
    first, *fixes = str(alert).splitlines()
    assert first.startswith("gradients vanish (since step 1,200); try one of these, in place of")
    assert fixes == ["  model.norm=batch", "  model.residual=true"]
    assert alerts_of({}) == []
