"""The noisy quadratic law of random search."""

from __future__ import annotations

import numpy as np
import pytest

from descentlab.report.statistics.quadratic_law import fit_quadratic_law


@pytest.mark.slow  # opda's fit takes seconds
@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_law_of_a_quadratic_loss_is_recovered(mode):
    generator = np.random.default_rng(0)
    loss = 0.2 + (generator.uniform(-1, 1, (100, 2)) ** 2).sum(1)  # two hyperparameters
    noisy = loss + generator.normal(0, 0.003, 100)
    found = fit_quadratic_law((noisy if mode == "min" else -noisy).tolist(), mode)
    assert found.hyperparameters == 2
    assert found.best == pytest.approx(0.2 if mode == "min" else -0.2, abs=0.02)
    assert found.noise < 0.03
    assert found.fitted == 50


def test_few_or_equal_values_give_no_law():
    assert fit_quadratic_law([0.1] * 11 + [None] * 20, "min") is None
    assert fit_quadratic_law([0.1] * 30, "min") is None
