"""Noise scale and diversity equal closed forms, with gradients of examples and of parts."""

from __future__ import annotations

import pytest
import torch
from support.step_taken import classification_loss, step_context, tiny_network, value_loss
from torch import nn

from descentlab.diagnostics.curvature import examples
from descentlab.diagnostics.curvature.examples import Variation, variation
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.diversity import Diversity
from descentlab.diagnostics.noise_scale import NoiseScale
from descentlab.models.quadratic import Quadratic

PRECISIONS = pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-8)])


@pytest.fixture
def only_parts(monkeypatch):
    monkeypatch.setattr(examples, "LARGEST", 0)


def gradients_of(model, batch):
    """Return the gradient of each example of a quadratic, q (t - x)."""
    return (model.t.detach() - batch[0]) @ model.q


@PRECISIONS
def test_the_noise_scale_of_a_batch_is_that_of_its_gradients(dtype, tolerance):
    model, batch = Quadratic(10).to(dtype), (torch.randn(30, 10).to(dtype),)
    found = NoiseScale().measure(step_context(model, value_loss, [(part,) for part in batch[0].split([7, 23])]))
    gradients = gradients_of(model, batch)
    variance = float(gradients.var(0).sum())
    square = float(gradients.mean(0).square().sum()) - variance / 30
    expected = {"gradient_variance": variance, "gradient_square": square, "noise_scale": variance / square}
    assert found == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("parts", [3, 7])
def test_parts_estimate_the_known_noise_without_bias(only_parts, parts):
    """Gradients q (t - x) with x from N(0, I) have the mean q t and the covariance q q."""
    torch.manual_seed(0)
    model = Quadratic(10)
    probe = NoiseScale(parts)
    found = [probe.measure(step_context(model, value_loss, [(torch.randn(30, 10),)])) for _ in range(60)]
    expected = {
        "gradient_variance": float(model.q.square().sum()),
        "gradient_square": float((model.q @ model.t.detach()).square().sum()),
    }
    for name, value in expected.items():
        values = torch.tensor([each[name] for each in found])
        assert abs(float(values.mean()) - value) < 4 * float(values.std()) / 60**0.5, name


def test_the_two_batch_sizes_of_mccandlish_give_the_same_estimates(only_parts):
    """Appendix A.1: from the squared norms for batches of b and B examples."""
    torch.manual_seed(0)
    model, batch = Quadratic(10), (torch.randn(32, 10),)
    found = NoiseScale(4).measure(step_context(model, value_loss, [batch]))
    gradients = gradients_of(model, batch)
    small = float(torch.stack([part.mean(0) for part in gradients.split(8)]).square().sum(1).mean())
    large = float(gradients.mean(0).square().sum())
    assert found["gradient_square"] == pytest.approx((32 * large - 8 * small) / (32 - 8), rel=1e-4)
    assert found["gradient_variance"] == pytest.approx((small - large) / (1 / 8 - 1 / 32), rel=1e-4)


@PRECISIONS
def test_diversity_is_the_ratio_of_its_definition(dtype, tolerance):
    model, batch = Quadratic(10).to(dtype), (torch.randn(30, 10).to(dtype),)
    found = Diversity().measure(step_context(model, value_loss, [batch]))
    gradients = gradients_of(model, batch)
    expected = float(gradients.square().sum() / gradients.sum(0).square().sum())
    assert found == pytest.approx({"diversity": expected, "diversity_batch": 30 * expected}, rel=tolerance)


def test_diversity_is_least_for_equal_gradients_and_estimated_from_parts(only_parts):
    model = Quadratic(10)
    equal = Diversity().measure(step_context(model, value_loss, [(torch.ones(16, 10) * 3,)]))
    assert equal == pytest.approx({"diversity": 1 / 16, "diversity_batch": 1})
    torch.manual_seed(0)
    batch = (torch.randn(4000, 10),)
    gradients = gradients_of(model, batch)
    expected = float(gradients.square().sum() / gradients.sum(0).square().sum())
    found = Diversity(200).measure(step_context(model, value_loss, [batch]))
    assert found["diversity"] == pytest.approx(expected, rel=0.3)  # a variance from 200 parts: 4 sqrt(2 / 199)


def test_a_single_example_has_no_noise_scale():
    assert NoiseScale().measure(step_context(Quadratic(5), value_loss, [(torch.randn(1, 5),)])) == {}
    found = Diversity().measure(step_context(Quadratic(5), value_loss, [(torch.randn(1, 5),)]))
    assert found == pytest.approx({"diversity": 1.0, "diversity_batch": 1.0})


def test_the_gradients_of_examples_are_those_of_each_alone():
    model, batch = tiny_network()
    objective = Objective(step_context(model, classification_loss, [batch]))
    found = variation(objective, objective.point, 4)
    assert found.sizes.tolist() == [1.0] * 12
    for place in range(12):
        alone = Objective(step_context(model, classification_loss, [tuple(part[place : place + 1] for part in batch)]))
        torch.testing.assert_close(found.gradients[place], alone.gradient(alone.point))
    torch.testing.assert_close(found.mean(found.gradients), objective.gradient(objective.point))


def test_batch_normalisation_uses_parts():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    objective = Objective(step_context(model, classification_loss, [(torch.randn(12, 4), torch.randint(0, 3, (12,)))]))
    assert variation(objective, objective.point, 4).sizes.tolist() == [3.0] * 4


@pytest.mark.parametrize(("cell", "count"), [(nn.RNN, 4), (nn.GRU, 4), (nn.LSTM, 12)])
def test_recurrent_cells_have_gradients_of_examples_or_of_parts(cell, count):
    torch.manual_seed(0)
    objective = Objective(step_context(Last(cell), classification_loss, [(torch.randn(12, 4), torch.randint(0, 3, (12,)))]))
    found = variation(objective, objective.point, 4)
    assert len(found.sizes) == count
    torch.testing.assert_close(found.mean(found.gradients), objective.gradient(objective.point))


class Last(nn.Module):
    """A recurrent network on sequences of four numbers."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell(1, 3, batch_first=True)

    def forward(self, x):
        return self.cell(x[:, :, None])[0][:, -1]


def test_the_variance_of_values_is_that_between_groups():
    values = torch.tensor([1.0, 5.0])
    found = Variation(torch.tensor([1.0, 3.0]), values, values[:, None])
    assert found.mean(values) == 4
    assert found.variance(values) == 1 * 9 + 3 * 1
