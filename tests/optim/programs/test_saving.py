"""The decision of compile=auto."""

from __future__ import annotations

import pytest

from descentlab.optim.programs import compiled
from descentlab.optim.programs.saving import COMPILING, compiling_seconds, saves_time
from descentlab.store.record import write_json


@pytest.fixture
def compiling(tmp_path, monkeypatch):
    """Store the seconds that the last program took to compile."""
    monkeypatch.setenv(compiled.FOLDER, str(tmp_path))
    compiled.cache_folder().mkdir()
    return lambda seconds: write_json(compiled.compiling_file(), {"cpu_seconds": seconds})


def test_measured_seconds_of_compiling_replace_the_expected_ones(compiling):
    assert compiling_seconds() == COMPILING
    compiling(3.5)
    assert compiling_seconds() == 3.5


@pytest.mark.parametrize(("seconds", "saves"), [(1e-12, True), (1e12, False)])
def test_measured_seconds_of_compiling_decide(compiling, seconds, saves):
    compiling(seconds)
    assert saves_time(lambda: None, steps=1000, programs=1) is saves
