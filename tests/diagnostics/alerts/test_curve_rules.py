"""Rules that read the curves: learning rate, plateau, saddle, oscillation, spike, over-fitting, moments, warm-up, NaN."""

from __future__ import annotations

import pytest

from descentlab.diagnostics.alerts.loss_spike import LossSpike
from descentlab.diagnostics.alerts.lr_high import LrHigh
from descentlab.diagnostics.alerts.lr_low import LrLow
from descentlab.diagnostics.alerts.missing_warmup import MissingWarmup
from descentlab.diagnostics.alerts.nonfinite import Nonfinite
from descentlab.diagnostics.alerts.oscillation import Oscillation
from descentlab.diagnostics.alerts.overfitting import Overfitting
from descentlab.diagnostics.alerts.plateau import Plateau
from descentlab.diagnostics.alerts.saddle import Saddle
from descentlab.diagnostics.alerts.stale_moment import StaleMoment


def ratios(value: float, *steps: int) -> dict[int, dict[str, dict[str, float]]]:
    return {step: {"update_ratio": {"a": value}} for step in steps}


def large(value: float, *steps: int) -> dict[int, dict[str, dict[str, float]]]:
    return {step: {"update_ratio": {"a": value, "b": value}} for step in steps}


def test_a_risen_loss_shows_a_rate_that_is_too_high(history):
    alert = LrHigh(rise=0.2, rows=5).check(history([2.0, 1.9, 2.4, 2.5, 2.6, 2.5, 2.6]))
    assert alert is not None
    assert alert.step == 20, "the row from which the loss was above the initial one"
    assert alert.fixes == ["optimizer.lr=0.01", "optimizer.lr=0.001"]
    assert LrHigh(rise=0.2, rows=5).check(history([2.0, 2.3, 2.3, 2.3, 2.3, 2.3, 2.3])) is None, "it has risen by less"


def test_a_constant_loss_under_large_updates_shows_a_rate_that_is_too_high(history):
    constant = [2.0] * 10
    alert = LrHigh(ratio=0.1).check(history(constant, layers={**large(0.05, 0), **large(0.2, 20, 30)}))
    assert alert is not None
    assert alert.step == 20
    assert LrHigh(ratio=0.1).check(history(constant, layers=large(0.09, 0))) is None
    assert LrHigh(ratio=0.1).check(history(constant, layers=ratios(0.2, 0, 10))) is None, "a single layer"
    assert LrHigh(ratio=0.1).check(history(constant, layers=large(0.2, 0))) is None, "a single large update"
    falling = [2.0, 1.7, 1.6, 1.5, 1.4, 1.4, 1.4]
    assert LrHigh(ratio=0.1).check(history(falling, layers=large(0.2, 0, 10))) is None
    risen = LrHigh(ratio=0.1, rows=2).check(history([2.0, 1.5, 0.5, 0.5, 1.5, 2.3], layers=large(0.2, 0, 10)))
    assert risen is not None
    assert (risen.step, "fell from 2 to 0.5 and has risen to 1.9" in risen.message) == (30, True)


def test_a_huge_update_is_reported_if_the_loss_does_not_recover(history):
    slow, fast = [2.0] + [1.5] * 9, [2.0] + [0.5] * 9
    alert = LrHigh(huge=0.5).check(history(slow, total=150, layers=large(0.6, 0)))
    assert alert is not None
    assert (alert.step, "hardly fallen: 2, then 1.5" in alert.message) == (0, True)
    assert LrHigh(huge=0.7).check(history(slow, total=150, layers=large(0.6, 0))) is None, "not huge"
    assert LrHigh(huge=0.5).check(history(slow, total=1000, layers=large(0.6, 0))) is None, "it is too early to decide"
    assert LrHigh(huge=0.5).check(history(fast, total=150, layers=large(0.6, 0))) is None, "as the first update of RMSProp"


def test_a_divergence_from_a_risen_loss_shows_a_rate_that_is_too_high(history):
    made = history([2.0, 3.0])
    made.diverged_step = 14
    alert = LrHigh().check(made)
    assert alert is not None
    assert "diverged at step 14" in alert.message
    made = history([2.0, 1.0])
    made.diverged_step = 14
    assert LrHigh().check(made) is None, "the loss was falling"


def test_small_updates_and_a_constant_loss_show_a_rate_that_is_too_low(history):
    alert = LrLow(ratio=1e-4, share=0.25).check(history([2.0] * 30, layers=ratios(1.2e-6, 0, 10)))
    assert alert is not None
    assert (alert.step, alert.fixes) == (0, ["optimizer.lr=100"])  # 0.1 times 10^3, the nearest power to 1e-3 / 1.2e-6
    assert LrLow(ratio=1e-4).check(history([2.0] * 20, layers=ratios(1e-6, 0))) is None, "a quarter of the steps is 250"
    assert LrLow(ratio=1e-4).check(history([2.0] * 30, layers=ratios(2e-4, 0))) is None
    assert LrLow(ratio=1e-4).check(history([2.0 - 0.05 * i for i in range(30)], layers=ratios(1e-6, 0))) is None


def test_small_updates_of_clipped_gradients_are_due_to_the_clipping(history):
    config = {"clip": {"norm": 1e-4}}
    alert = LrLow().check(history([2.0] * 30, layers=ratios(1e-6, 0), more={"grad_norm": [1.0] * 30}, config=config))
    assert alert is not None
    assert alert.fixes[0] == "clip.norm=null"


def test_a_loss_that_stays_near_its_initial_value_is_a_plateau(history):
    losses = [2.0, 1.99, 1.97, *[1.95] * 50]
    alert = Plateau(share=0.5).check(history(losses, layers=ratios(1e-3, 0)))
    assert alert is not None
    assert alert.step == 0
    assert Plateau(share=0.5).check(history([2.0, *[1.0] * 60], layers=ratios(1e-3, 0))) is None, "half of it is gone"
    assert Plateau(share=0.5).check(history([2.0] * 50, layers=ratios(1e-3, 0))) is None, "half of the steps is 500"
    for ratio in (1e-7, 0.2):
        assert Plateau(share=0.5).check(history(losses, layers=ratios(ratio, 0))) is None, "see lr_low and lr_high"
    rising = [2.0 + 0.1 * row for row in range(60)]
    assert Plateau(share=0.5).check(history(rising, layers=ratios(1e-3, 0))) is None


def test_a_plateau_begins_where_the_loss_stops_to_change(history):
    alert = Plateau().check(history([4.0, 3.0, 2.5, *[2.0] * 50], valid={0: 2.0}, layers=ratios(1e-3, 0)))
    assert alert is not None
    assert alert.step == 30


def test_without_planned_steps_a_plateau_is_found_at_the_end(history):
    made = history([2.0] * 30, total=None)
    rule = Plateau()
    assert rule.check(made) is None
    made.is_over = True
    assert rule.check(made) is not None


def passing(history, norms: list[float], losses: list[float], rows: int = 3):
    return Saddle(ratio=100, fall=0.2, rows=rows).check(history(losses, more={"grad_norm": norms}))


def test_a_saddle_is_found_when_the_gradient_grows_again_and_the_loss_falls(history):
    norms, losses = [1.0, 0.1, 0.02, 0.01, 0.02, 0.1, 1.0], [1.0, 0.9, 0.9, 0.9, 0.9, 0.8, 0.1]
    alert = passing(history, norms, losses)
    assert alert is not None
    assert alert.step == 20
    assert passing(history, norms, losses, rows=4) is None, "it was passed fast"
    assert passing(history, norms, [1.0, 0.2, *[0.1] * 5]) is None, "there was nothing left to fall"
    assert passing(history, [1.0, 0.5, 0.2, 0.2, 0.2, 0.5, 0.5], losses) is None, "the gradient did not vanish"


def test_a_run_may_start_near_a_saddle(history):
    alert = passing(history, [0.01, 0.01, 0.01, 0.1, 1.0], [1.0, 1.0, 1.0, 0.9, 0.1])
    assert alert is not None
    assert alert.step == 0


def test_weights_of_zero_keep_gradients_at_zero(history):
    stuck = {"grad_norm": {"a": 0.0, "b": 1.0}, "weight_norm": {"a": 0.0, "b": 0.1}}
    alert = Saddle().check(history(layers={0: stuck, 10: stuck}))
    assert alert is not None
    assert (alert.step, alert.layer, alert.fixes[0]) == (0, "a", "model.init=he")
    left = {"grad_norm": {"a": 0.1, "b": 1.0}, "weight_norm": {"a": 0.1, "b": 0.1}}
    assert Saddle().check(history(layers={0: stuck, 10: left})) is None, "zeros in the last layers of branches only"
    unused = {"grad_norm": {"a": 1.0, "b": 0.0, "c": 1.0}, "weight_norm": {"a": 1.0, "b": 0.0, "c": 1.0}}
    assert Saddle().check(history(layers={0: unused, 10: unused})) is None, "a bias without an effect on the loss"


def test_a_loss_that_rises_and_falls_in_turn_oscillates(history):
    losses = [2.0 + (-1) ** step for step in range(30)]
    alert = Oscillation(rows=20).check(history(losses, every=1, config={"batch_size": "full"}))
    assert alert is not None
    assert (alert.step, alert.fixes[0]) == (0, "optimizer.lr=0.05")
    assert Oscillation().check(history(losses, every=1)) is None, "batches differ"
    assert Oscillation().check(history(losses, every=10, config={"batch_size": "full"})) is None, "rows are means"
    falling = [2.0 - 0.01 * step for step in range(30)]
    assert Oscillation().check(history(falling, every=1, config={"batch_size": "full"})) is None
    noise = [2.0 + 1e-6 * (-1) ** step for step in range(30)]
    assert Oscillation().check(history(noise, every=1, config={"batch_size": "full"})) is None


@pytest.mark.parametrize("name", ["sharpness_ratio", "stability_ratio"])
def test_a_curvature_above_the_limit_of_stability_oscillates(history, name):
    config = {"batch_size": "full"}
    alert = Oscillation().check(history([1.0] * 5, more={name: [0.5, 1.1, 1.2, 1.1, 1.0]}, config=config))
    assert alert is not None
    assert alert.step == 10
    assert Oscillation().check(history([1.0] * 5, more={name: [0.5, 1.1, 1.2, 0.9, 1.1]}, config=config)) is None
    assert Oscillation().check(history([1.0] * 5, more={name: [0.5, 1.1, 1.2, 1.1, 1.0]})) is None, "of a batch"


@pytest.mark.parametrize(("spike", "is_found"), [(1.8, True), (1.4, False)])
def test_a_spike_loses_a_share_of_what_was_gained(history, spike, is_found):
    losses = [3.0, 2.0, *[1.0 + 0.01 * (-1) ** row for row in range(10)], spike, 1.0]
    alert = LossSpike(share=0.3).check(history(losses))
    assert (alert is not None) == is_found
    if alert:
        assert alert.step == 120


def test_noise_is_no_spike(history):
    losses = [3.0, *[1.0 + 0.4 * (-1) ** row for row in range(10)], 2.0]
    assert LossSpike(share=0.3, deviations=4).check(history(losses)) is None


def test_a_validation_loss_that_rises_while_the_training_loss_falls(history):
    losses = [2.0 - 0.05 * row for row in range(30)]
    valid = {0: 2.0, 100: 1.0, 200: 1.3, 290: 1.4}
    alert = Overfitting(share=0.25).check(history(losses, valid=valid))
    assert alert is not None
    assert (alert.step, alert.fixes[0]) == (100, "stop.patience=3")
    assert Overfitting(share=0.25).check(history(losses, valid={0: 2.0, 100: 1.0, 200: 1.3})) is None, "once only"
    assert Overfitting(share=0.5).check(history(losses, valid=valid)) is None
    nothing = {0: 2.0, 100: 1.9, 200: 1.95, 290: 1.95}
    assert Overfitting(share=0.25).check(history(losses, valid=nothing)) is None, "nothing was learned"
    rising = [1.0 + 0.05 * row for row in range(30)]
    assert Overfitting(share=0.25).check(history(rising, valid=valid)) is None, "the training loss rises too"


def test_a_stale_second_moment(history):
    config = {"optimizer": {"lr": 0.1, "betas": [0.9, 0.99999]}}  # 100 times the planned steps
    more = {"grad_norm": [10.0, 1.0, 0.1], "update_norm": [1.0, 0.5, 0.01], "lr": [0.1, 0.1, 0.1]}
    alert = StaleMoment().check(history([3.0, 2.0, 1.0], more=more, config=config))
    assert alert is not None
    assert alert.step == 20
    assert "averages over 100,000 steps, of 1,000 planned ones" in alert.message
    short = {"optimizer": {"lr": 0.1, "betas": [0.9, 0.9998]}}  # 5 times
    assert StaleMoment().check(history([3.0, 2.0, 1.0], more=more, config=short)) is None
    decayed = {**more, "lr": [0.1, 0.05, 0.001]}
    assert StaleMoment().check(history([3.0, 2.0, 1.0], more=decayed, config=config)) is None, "the schedule made them small"


def test_post_normalization_without_warmup(history):
    model, warm = {"norm_position": "post"}, {"warmup": 0.1}
    config = {"model": model, "schedule": {"warmup": 0}}
    alert = MissingWarmup(fall=0.25, share=0.2).check(history([4.0, *[3.5] * 20], config=config))
    assert alert is not None
    assert alert.fixes == ["schedule.warmup=0.1", "model.norm_position=pre"]
    assert MissingWarmup().check(history([4.0, *[3.5] * 20], config={**config, "schedule": warm})) is None
    assert MissingWarmup().check(history([4.0, *[2.5] * 20], config=config)) is None
    assert MissingWarmup().check(history([4.0, *[3.5] * 20], config={**config, "model": {"norm_position": "pre"}})) is None


def test_the_first_number_that_is_not_finite(history):
    made = history([1.0])
    assert Nonfinite().check(made) is None
    made.nonfinite = {"step": 7, "layer": "blocks.2", "tensor": "gradient of weight"}
    alert = Nonfinite().check(made)
    assert alert is not None
    assert (alert.step, alert.layer) == (7, "blocks.2")
    assert "gradient of weight" in alert.message
