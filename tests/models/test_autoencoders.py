"""Autoencoders: shapes, codes, and the random numbers of the variational autoencoder."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from descentlab.models.autoencoder import Autoencoder
from descentlab.models.conv_autoencoder import ConvAutoencoder
from descentlab.models.vae import VAE

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 8, 8)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_and_code_have_the_right_shapes(shape):
    x = torch.randn(5, *shape)
    for model in (Autoencoder(x[0].numel(), 6, [20, 10]), ConvAutoencoder(shape, 6, 4)):
        assert model(x).shape == x.shape
        assert model.encoder(x).shape == (5, 6)
    logits, mean, log_variance = VAE(shape, 6, 4)(x)
    assert logits.shape == x.shape
    assert mean.shape == log_variance.shape == (5, 6)


def test_decoder_has_the_layers_of_the_encoder_in_reverse():
    model = Autoencoder(64, 8, [32, 16])
    shapes = [tuple(layer.weight.shape) for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert shapes == [(32, 64), (16, 32), (8, 16), (16, 8), (32, 16), (64, 32)]


def test_images_that_cannot_be_halved_twice_are_refused():
    for make in (ConvAutoencoder, VAE):
        with pytest.raises(ValueError, match="30 x 28"):
            make((1, 30, 28), 8)


@pytest.fixture
def vae():
    torch.manual_seed(0)
    return VAE((1, 8, 8), 4, 4, dropout=0.0)


def test_training_draws_from_torchs_generator(vae):
    x = torch.rand(3, 1, 8, 8)
    torch.manual_seed(1)
    first = vae(x)[0]
    assert not torch.equal(vae(x)[0], first)
    torch.manual_seed(1)
    assert torch.equal(vae(x)[0], first)


def test_evaluation_draws_are_fixed_and_do_not_use_torchs_generator(vae):
    x, model = torch.rand(3, 1, 8, 8), vae.eval()
    before = torch.get_rng_state()
    first = model(x)[0]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(model(x)[0], first)
    assert not torch.equal(first, model.decode(model(x)[1]))  # the code is drawn, it is not the mean


def test_codes_have_the_mean_and_deviation_of_the_encoder(vae):
    x, codes = torch.rand(1, 1, 8, 8).expand(4000, -1, -1, -1), []
    vae.decoder.register_forward_hook(lambda _, inputs, __: codes.append(inputs[0]))
    _, mean, log_variance = vae(x)
    torch.testing.assert_close(codes[0].mean(0), mean[0], atol=0.1, rtol=0)
    torch.testing.assert_close(codes[0].std(0), (0.5 * log_variance[0]).exp(), atol=0.1, rtol=0)
