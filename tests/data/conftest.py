"""Fixtures of the tests of data."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture(scope="module")
def offline():
    """Keep the datasets library offline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")  # before datasets is loaded, which reads it then
        patch.setattr(importlib.import_module("huggingface_hub.constants"), "HF_HUB_OFFLINE", True)
        yield
