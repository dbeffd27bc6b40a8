"""Rules that read quantities of layers: vanishing, exploding, dead units, frozen layers, unscaled inputs, attention, decay."""

from __future__ import annotations

import pytest

from descentlab.diagnostics.alerts.attention import Attention
from descentlab.diagnostics.alerts.dead_units import DeadUnits
from descentlab.diagnostics.alerts.exploding import Exploding
from descentlab.diagnostics.alerts.frozen_layer import FrozenLayer
from descentlab.diagnostics.alerts.unscaled_inputs import UnscaledInputs
from descentlab.diagnostics.alerts.vanishing import Vanishing
from descentlab.diagnostics.alerts.weight_decay import WeightDecay


def norms(**layers: float) -> dict[str, dict[str, float]]:
    return {"grad_norm": layers}


@pytest.mark.parametrize(("first", "is_found"), [(1e-3, True), (1.1e-3, False), (0.0, False)])
def test_gradients_vanish_up_to_a_ratio(history, first, is_found):
    made = history(layers={0: norms(first=1.0, last=1.0), 10: norms(first=first, last=1.0)})
    alert = Vanishing(ratio=1e-3).check(made)
    assert (alert is not None) == is_found
    if alert:
        assert (alert.step, alert.layer) == (10, "first")
        assert alert.message == "gradients vanish: their norm is 1.0e-03 in first and 1.0e+00 in last, a ratio of 1.0e-03"
        relu, tanh = "model.activation=relu model.init=he", "model.activation=tanh model.init=glorot"
        assert alert.fixes == [relu, "model.residual=true", "model.norm=batch", tanh]


def test_the_output_layer_is_not_compared(history):
    assert Vanishing().check(history(layers={0: norms(first=1e-6, last=1e-4, output=1.0)})) is None
    alert = Vanishing().check(history(layers={0: norms(first=1e-6, last=1e-3, output=1e-3)}))
    assert alert is not None
    assert "1.0e-03 in last, a ratio of 1.0e-03" in alert.message


def test_the_gradient_of_a_single_layer_does_not_vanish(history):
    assert Vanishing().check(history(layers={0: norms(only=1e-12)})) is None


def test_of_a_tanh_the_initial_scale_is_fixed_first(history):
    made = history(layers={0: norms(first=1e-6, last=1.0)}, config={"model": {"init": "standard", "activation": "tanh"}})
    alert = Vanishing().check(made)
    assert alert is not None
    assert alert.fixes == ["model.init=glorot", "model.activation=relu model.init=he"]


@pytest.mark.parametrize(("gradient", "is_found"), [(100.0, True), (99.0, False)])
def test_gradients_explode_in_relation_to_weights_and_loss(history, gradient, is_found):
    layers = {0: {"grad_norm": {"a": 1.0, "b": gradient}, "weight_norm": {"a": 6.0, "b": 6.0}}}
    alert = Exploding(elasticity=300.0).check(history([2.0], layers=layers))
    assert (alert is not None) == is_found
    if alert:
        assert (alert.step, alert.layer) == (0, "b")
        assert "changing its weights by 1 % changes the loss by 3 times" in alert.message


def test_clipped_gradients_do_not_explode(history):
    layers = {0: {"grad_norm": {"a": 1e6}, "weight_norm": {"a": 6.0}}}
    assert Exploding().check(history([2.0], layers=layers, config={"clip": {"norm": 1.0}})) is None


def test_weights_explode_in_relation_to_their_first_norm(history):
    layers = {step: {"grad_norm": {"a": 0.0}, "weight_norm": {"a": 2.0 * 10.0**step}} for step in (0, 1, 2)}
    alert = Exploding(growth=100.0).check(history([2.0], layers=layers))
    assert alert is not None
    assert (alert.step, alert.layer) == (2, "a")


def test_dead_units_are_counted(history):
    layers = {step: {"dead_units": {"act1": 0.5, "act2": share}} for step, share in ((0, 0.2), (10, 0.95))}
    alert = DeadUnits(share=0.9).check(history(layers=layers))
    assert alert is not None
    assert (alert.step, alert.layer, alert.message) == (10, "act2", "95% of the units of act2 are dead")
    assert DeadUnits(share=0.96).check(history(layers=layers)) is None
    zeros = {0: {"dead_units": {"act": 1.0}, "weight_norm": {"a": 0.0}}}
    assert DeadUnits().check(history(layers=zeros)) is None, "a saddle"


def test_first_layers_without_a_gradient_at_two_steps_end_with_dead_units(history):
    weights = {"weight_norm": {"a": 1.0, "b": 1.0, "c": 1.0}}
    dead, alive = {**norms(a=0.0, b=0.0, c=1.0), **weights}, {**norms(a=0.1, b=0.1, c=1.0), **weights}
    alert = DeadUnits().check(history(layers={0: alive, 10: dead, 20: dead}))
    assert alert is not None
    assert (alert.step, alert.layer) == (10, "b")
    assert DeadUnits().check(history(layers={0: dead, 10: alive, 20: dead})) is None
    converged = {**norms(a=0.0, b=0.0, c=0.0), **weights}
    assert DeadUnits().check(history(layers={0: converged, 10: converged})) is None
    unused = {**norms(a=1.0, b=0.0, c=1.0), **weights}
    assert DeadUnits().check(history(layers={0: unused, 10: unused})) is None


def test_a_layer_that_is_not_updated_is_frozen(history):
    def quantities(a: float, b: float):
        return {**norms(a=1.0, b=1.0), "update_norm": {"a": a, "b": b}}

    alert = FrozenLayer().check(history(layers={0: quantities(1, 0), 10: quantities(1, 0)}, config={"groups": [{"lr": 0.0}]}))
    assert alert is not None
    assert (alert.step, alert.layer, alert.fixes) == (0, "b", ["groups=[]"])
    tiny = {**norms(a=1.0, b=1e-4), "update_norm": {"a": 1.0, "b": 0.0}}
    assert FrozenLayer().check(history(layers={0: tiny, 10: tiny})) is None, "the gradient is below the rounding of the weights"
    assert FrozenLayer().check(history(layers={0: quantities(0, 0), 10: quantities(1, 0)})) is None, "the rate was 0 at step 0"
    assert FrozenLayer().check(history(layers={0: quantities(1, 0), 10: quantities(1, 1), 20: quantities(1, 0)})) is None


def test_a_feature_far_above_one_shows_unscaled_inputs(history):
    made = history(layers={0: norms(a=1.0, b=1.0)})
    made.features = [1.0, 20.0, 0.5]
    alert = UnscaledInputs(scale=10).check(made)
    assert alert is not None
    assert (alert.step, alert.layer, alert.fixes) == (0, "a", ["model.norm=batch", "model.norm=layer"])
    assert "the root mean square of feature 1 is 20; the median over 3 features is 1" in alert.message
    made.features = [1.0, 9.0]
    assert UnscaledInputs(scale=10).check(made) is None
    normalized = history(config={"model": {"norm": "batch"}})
    normalized.features = [20.0]
    assert UnscaledInputs(scale=10).check(normalized) is None


def test_attention_logits_and_entropy(history):
    grown = history(
        layers={0: {"attention_logit": {"a": 1.0}}, 10: {"attention_logit": {"a": 60.0}}}, config={"model": {"qk_norm": False}}
    )
    alert = Attention(logit=50).check(grown)
    assert alert is not None
    assert (alert.step, alert.layer, alert.fixes[0]) == (10, "a", "model.qk_norm=true")
    dead = history(layers={0: {"attention_entropy": {"a": 0.5, "b": 0.001}}})
    alert = Attention(entropy=0.01).check(dead)
    assert alert is not None
    assert alert.layer == "b"
    assert Attention().check(history(layers={0: {"attention_entropy": {"a": 0.5}, "attention_logit": {"a": 5.0}}})) is None


def test_weights_that_decay_are_reported_if_there_is_a_decay(history):
    layers = {step: {"weight_norm": {"a": norm, "b": norm}} for step, norm in ((0, 10.0), (10, 5.0), (20, 1.0))}
    alert = WeightDecay(ratio=0.2).check(history(layers=layers, config={"decay": {"rate": 0.3}}))
    assert alert is not None
    assert (alert.step, alert.fixes) == (20, ["decay.rate=null"])
    assert WeightDecay(ratio=0.2).check(history(layers=layers)) is None
