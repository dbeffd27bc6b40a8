"""The size of the page of large sweeps."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

from descentlab.report.page import build

MAKER = ROOT / "scripts" / "benchmarks" / "synthetic_sweep.py"


@pytest.mark.slow
@pytest.mark.parametrize(("runs", "megabytes"), [(40, 2.5), (1000, 6)])
def test_the_page_of_many_runs_is_small_and_opens(open_page, tmp_path, runs, megabytes):
    subprocess.run([sys.executable, str(MAKER), str(tmp_path / "sweep"), "--runs", str(runs)], check=True)
    path = build([tmp_path / "sweep"], tmp_path / "out")
    assert path.stat().st_size < megabytes * 1e6
    page = open_page(path, height=2400)
    names = page.evaluate("document.querySelector('.plot').data.filter(t => t.name).map(t => t.name)")
    assert sorted(names) == ["adam", "lion", "muon", "sgd"]
