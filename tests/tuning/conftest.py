"""Fixtures of the tests of tuning."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tuning import Commands


@pytest.fixture
def tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Run a tuning command: tune("optimizer=adam,sgd", "trials=4")."""
    return Commands(tmp_path / "out", monkeypatch)
