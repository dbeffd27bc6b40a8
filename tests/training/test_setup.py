"""Settings of the process that trains."""

from __future__ import annotations

import os

import pytest
import torch

from descentlab.training.setup import NVML, set_up_torch


def test_the_process_that_trains_does_not_load_nvml_at_every_step(train, monkeypatch):
    monkeypatch.setenv(NVML, "1")  # as `import lightning` does
    train("problem=digits_mlp", "budget.epochs=null", "budget.steps=2")
    assert NVML not in os.environ


@pytest.fixture
def settings_restored():
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(1)


@pytest.mark.usefixtures("settings_restored")
@pytest.mark.parametrize("deterministic", [True, False])
def test_torch_is_set_up_as_the_config_specifies(deterministic, job):
    set_up_torch(job(f"deterministic={deterministic}").core)
    assert torch.are_deterministic_algorithms_enabled() is deterministic
    assert torch.get_num_threads() == 1
