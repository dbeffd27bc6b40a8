"""The benchmark script: its statistics, its reference loop, and a short run of each of its parts."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

SCRIPTS = ROOT / "scripts"


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from benchmarks import measure

    return measure


def test_repeats_are_interleaved(measure):
    calls = []
    values = measure.interleave({way: lambda way=way: calls.append(way) or len(calls) for way in "ab"}, rounds=3)
    assert calls == ["a", "b"] * 3
    assert values == {"a": [1, 3, 5], "b": [2, 4, 6]}


def test_ratios_are_formed_within_a_round(measure):
    assert measure.ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_median_and_quartiles_are_reported(measure):
    assert measure.quartiles([5.0, 1.0, 2.0, 4.0, 3.0]) == (2.0, 3.0, 4.0)
    assert measure.quartiles([2.0]) == (2.0, 2.0, 2.0)
    assert measure.spread([1.0, 2.0, 3.0]) == "2.00 (1.50-2.50)"


def test_reference_loop_imports_neither_lightning_nor_descentlab():
    """`import lightning` sets a variable that makes every optimizer step slower."""
    code = "import loop, sys; print(sorted({'lightning', 'pytorch_lightning', 'descentlab'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS / "benchmarks", capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_unknown_benchmark_is_an_error():
    done = subprocess.run([sys.executable, SCRIPTS / "benchmark.py", "stepz"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no benchmark 'stepz'" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["steps", "runs", "compose", "sweep"])
def test_quick_benchmark_writes_its_table(name, tmp_path):
    report = tmp_path / "benchmarks.md"
    command = [sys.executable, SCRIPTS / "benchmark.py", name, "--quick", "--problem", "digits_mlp", "--markdown", report]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = report.read_text().splitlines()
    assert lines[0] == "# Benchmarks"
    rows = [line for line in lines if line.startswith("| ")][2:]
    assert len(rows) >= 1
    assert all("nan" not in row for row in rows)
