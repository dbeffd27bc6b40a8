"""Reconstruction and the evidence lower bound: by hand and against torch.distributions."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.func import functional_call, grad, stack_module_state, vmap

from descentlab.models.autoencoder import Autoencoder
from descentlab.models.vae import VAE
from descentlab.optim.recipe import Recipe
from descentlab.tasks.elbo import ELBO, divergence
from descentlab.tasks.reconstruction import Reconstruction

TASK = {"recipe": Recipe(optimizer=torch.optim.SGD), "monitor": "loss", "mode": "min"}


def reconstruction(likelihood="gaussian", peak=1.0, model=None):
    return Reconstruction(likelihood, peak, model=model or nn.Identity(), **TASK)


def elbo(model=None):
    return ELBO(model=model or nn.Identity(), **TASK)


def images(rows=4, shape=(1, 8, 8), seed=0):
    return torch.rand(rows, *shape, generator=torch.Generator().manual_seed(seed))


def test_losses_equal_hand_computed_values():
    pixels, outputs = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 2.0]])
    assert float(reconstruction().loss(lambda _: outputs, (pixels,))) == pytest.approx((0.25 + 1) / 2)
    expected = (math.log(1 + math.exp(0.5)) + math.log(1 + math.exp(-2))) / 2
    assert float(reconstruction("bernoulli").loss(lambda _: outputs, (pixels,))) == pytest.approx(expected)


def test_targets_are_ignored():
    x = images()
    task, labels = reconstruction(), torch.arange(4)
    assert float(task.loss(lambda x: x + 0.5, (x, labels))) == pytest.approx(0.25)
    task.evaluate(task.valid, (x, labels), lambda x: x + 0.5)
    assert float(task.valid.collect("")["mse"]) == pytest.approx(0.25)


def test_outputs_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 1\), inputs \(4, 64\)"):
        reconstruction().loss(lambda x: x[:, :1], (torch.rand(4, 64),))


@pytest.mark.parametrize(("likelihood", "peak", "message"), [("poisson", 1.0, "gaussian or"), ("bernoulli", 2.5, "2.5")])
def test_unsuitable_likelihood_is_refused(likelihood, peak, message):
    with pytest.raises(ValueError, match=message):
        reconstruction(likelihood, peak)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_metrics_are_computed_over_pixels_of_all_batches(likelihood):
    task, model = reconstruction(likelihood, peak=1.0), Autoencoder(64, 3, [5])
    batches = [(images(rows, seed=rows), torch.zeros(rows)) for rows in (30, 7)]
    for batch in batches:
        task.evaluate(task.valid, batch, model)
    found = task.valid.collect("")
    x = torch.cat([batch[0] for batch in batches])
    outputs = model(x).detach() if likelihood == "gaussian" else model(x).detach().sigmoid()
    error = float(((outputs - x) ** 2).mean())
    assert float(found["mse"]) == pytest.approx(error, rel=1e-5)
    assert float(found["psnr"]) == pytest.approx(10 * math.log10(1 / error), rel=1e-5)
    assert float(found["loss"]) == pytest.approx(task.loss(model, (x,)).item(), rel=1e-5)


def test_psnr_is_relative_to_the_peak():
    task, x = reconstruction(peak=4.0), images()
    task.evaluate(task.valid, (x,), lambda x: x + 0.1)
    assert float(task.valid.collect("")["psnr"]) == pytest.approx(10 * math.log10(16 / 0.01), rel=1e-4)


def test_divergence_equals_that_of_torch_distributions():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(6, 4), torch.randn(6, 4)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)
    assert divergence(torch.zeros(2, 4), torch.zeros(2, 4)).tolist() == [0, 0]


def test_bound_equals_that_of_torch_distributions():
    """-log p(x|z) + KL for the drawn z; its expectation over draws is an upper bound of -log p(x)."""
    torch.manual_seed(0)
    model, x = VAE((1, 8, 8), 4, 4).eval(), images()
    logits, mean, log_variance = model(x)
    code = Normal(mean, (0.5 * log_variance).exp())
    likelihood = Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))
    expected = (-likelihood + kl_divergence(code, Normal(0.0, 1.0)).sum(1)).mean()
    task = elbo(model)
    assert task.loss(model, (x,)).item() == pytest.approx(expected.item(), rel=1e-5)


def test_bound_and_its_terms_over_batches():
    torch.manual_seed(0)
    model = VAE((1, 8, 8), 4, 4).eval()
    task, batches = elbo(model), [(images(rows, seed=rows), torch.zeros(rows)) for rows in (5, 2)]
    whole = [model(batch[0]) for batch in batches]
    for batch in batches:
        task.evaluate(task.valid, batch, model)
    found = {name: float(value) for name, value in task.valid.collect("").items()}
    assert found["loss"] == pytest.approx(found["reconstruction"] + found["kl"], rel=1e-5)
    assert found["kl"] == pytest.approx(torch.cat([divergence(*each[1:]) for each in whole]).mean().item(), rel=1e-5)
    errors = [(each[0].sigmoid() - batch[0]) ** 2 for each, batch in zip(whole, batches, strict=True)]
    assert found["mse"] == pytest.approx(torch.cat(errors).mean().item(), rel=1e-5)


def test_loss_works_with_functional_call_and_vmap():
    torch.manual_seed(1)
    models, task, x = [Autoencoder(64, 3, [5]) for _ in range(3)], reconstruction(), images()

    def loss(parameters):
        return task.loss(lambda x: functional_call(models[0], parameters, (x,)), (x,))

    stack, _ = stack_module_state(models)
    stacked, gradients = vmap(loss)(stack), vmap(grad(loss))(stack)
    for index, model in enumerate(models):
        alone = task.loss(model, (x,))
        torch.testing.assert_close(stacked[index], alone)
        for key, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[key][index], torch.autograd.grad(alone, parameter, retain_graph=True)[0])


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_artifact_shows_originals_above_reconstructions():
    x = images(12)
    image = opened(reconstruction(model=nn.Identity()).artifacts((x, torch.arange(12)))["reconstructions.png"])
    height, width = image.shape[0] // 2, image.shape[1] // 10
    assert np.array_equal(image[2 : height - 2], image[height + 1 : 2 * height - 3])  # an identity changes nothing
    shown = (x[0, 0] - x[:10].min()) / (x[:10].max() - x[:10].min())
    assert image[5, 5, 0] == pytest.approx(float(shown[0, 0]) * 255, abs=1)
    assert image[width - 5, width - 5, 0] == pytest.approx(float(shown[7, 7]) * 255, abs=1)


def test_artifact_of_a_variational_autoencoder_includes_samples():
    shown = elbo(VAE((3, 8, 8), 4, 4).eval()).artifacts((images(12, (3, 8, 8)),))
    assert set(shown) == {"reconstructions.png", "samples.png"}
    assert opened(shown["samples.png"]).shape[0] > opened(shown["reconstructions.png"]).shape[0]
    assert reconstruction().artifacts((torch.rand(4, 64),)) == {}
