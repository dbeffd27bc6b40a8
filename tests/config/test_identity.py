"""The ids of runs do not change."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from conftest import compose_config

from descentlab.config import identity
from descentlab.config.identity import run_id

IDS: dict[str, str] = yaml.safe_load((Path(__file__).parent / "ids.yaml").read_text())


@pytest.mark.parametrize("words", IDS)
def test_a_run_keeps_its_id(words):
    assert run_id(compose_config(*words.split())[0]) == IDS[words]


def test_a_moved_class_keeps_its_id(monkeypatch):
    config = compose_config("problem=mslr_sample_ranker")[0]
    before = run_id(config)
    monkeypatch.setitem(identity.FIRST_NAMES, "descentlab.models.moved", config["model"]["_target_"].rpartition(".")[0])
    name = config["model"]["_target_"].rpartition(".")[2]
    assert run_id({**config, "model": {**config["model"], "_target_": f"descentlab.models.moved.{name}"}}) == before
    assert run_id({**config, "model": {**config["model"], "_target_": f"descentlab.models.other.{name}"}}) != before


def test_each_moved_module_exists():
    for module in identity.FIRST_NAMES:
        assert pytest.importorskip(module)
