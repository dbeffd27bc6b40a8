"""Compatibility with sweeps of the first release; `finished/` contains their unchanged records, configs and curves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import compose_config

from descentlab.config.identity import run_id
from descentlab.report.page import build

FINISHED = Path(__file__).parent / "finished"
SWEEPS = {"digits_mlp-2ba346": ["adam", "sgd"], "mslr_sample_ranker-1ee56d": ["adam"]}


@pytest.mark.parametrize("sweep", SWEEPS)
def test_page_and_table_of_an_old_sweep_build(sweep, tmp_path):
    page = build([FINISHED / sweep], tmp_path)
    table = (tmp_path / "table.md").read_text()
    assert all(optimizer in table for optimizer in SWEEPS[sweep])
    assert "completed" in table
    assert page.stat().st_size > 100_000


def test_old_runs_keep_their_ids():
    records = [json.loads(path.read_text()) for path in FINISHED.rglob("record.json")]
    words = {
        "979a278e17": ["optimizer=adam", "budget.epochs=2"],
        "8bb8e8c361": ["optimizer=sgd", "budget.epochs=2"],
        "0a8dc99c2a": ["problem=mslr_sample_ranker", "budget.epochs=null", "budget.steps=20"],
    }
    assert {record["id"] for record in records} == set(words)
    assert all(run_id(compose_config(*line)[0]) == id for id, line in words.items())
