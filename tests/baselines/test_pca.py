"""Principal components as a baseline of autoencoders, compared with a singular value decomposition."""

from __future__ import annotations

import numpy as np
import torch
from conftest import compose_config
from torch.nn.functional import binary_cross_entropy_with_logits

from descentlab.baselines.pca import PrincipalComponents
from descentlab.launchers.checks.conflicts import conflicts


def images(rows, seed=0):
    return torch.rand(rows, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_principal_components_equal_those_of_a_singular_value_decomposition():
    x = images(200).double()
    other = images(20, seed=1).double()
    rows = x.flatten(1).numpy()
    mean = rows.mean(0)
    directions = np.linalg.svd(rows - mean)[2][:5]
    expected = mean + (other.flatten(1).numpy() - mean) @ directions.T @ directions
    found = PrincipalComponents(code_size=5).fit((x,))(other)
    assert found.shape == other.shape
    np.testing.assert_allclose(found.flatten(1).numpy(), expected, atol=1e-8)
    whole = PrincipalComponents(code_size=1000).fit((x,))(other)
    torch.testing.assert_close(whole, other)


def test_predictions_for_cross_entropy_are_logits():
    x = images(200)
    plain, logits = (PrincipalComponents(code_size=5, likelihood=kind).fit((x,))(x) for kind in ("gaussian", "bernoulli"))
    torch.testing.assert_close(logits.sigmoid(), plain.clamp(1e-6, 1 - 1e-6), atol=1e-6, rtol=0)
    assert binary_cross_entropy_with_logits(logits, x).isfinite()


def test_run_with_a_principal_components_baseline(train):
    words = ("problem=digits_autoencoder", "optimizer=adam", "budget.epochs=null", "budget.steps=5")
    run = train(*words, "baseline=pca")
    summary = run.record.summary
    assert summary["baseline"]["train_loss"] < summary["train_loss"]  # after five steps
    assert "gap" not in summary
    assert (run.folder / "exhibits" / "reconstructions.png").exists()


def test_principal_components_are_refused_for_a_classifier():
    _, _, [mistake] = compose_config("problem=digits_mlp", "baseline=pca")
    assert "model.code_size" in mistake


def test_principal_components_are_refused_for_a_variational_autoencoder():
    config, _, _ = compose_config("problem=fashion_mnist_vae", "baseline=pca", "+task.likelihood=gaussian")
    assert any("is for Reconstruction" in mistake for mistake in conflicts(config))
