"""The scripts for machines with a GPU, on the CPU: what they measure needs a GPU, but every row is computed here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from conftest import ROOT


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script from the checkout, without an installed package."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "scripts" / script), *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)


@pytest.fixture
def check_gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import check_gpu

    return check_gpu


def test_outcome_of_a_check_is_passed_skipped_or_failed(check_gpu):
    def check(error: Exception):
        raise error

    assert check_gpu.outcome(lambda _: "detail", None) == ("passed", "detail")
    assert check_gpu.outcome(lambda _: check(check_gpu.SkippedError("no GPU")), None) == ("skipped", "no GPU")
    assert check_gpu.outcome(lambda _: check(check_gpu.FailedError("5 > 4")), None) == ("failed", "5 > 4")
    assert check_gpu.outcome(lambda _: check(KeyError("a")), None) == ("failed", "KeyError: 'a'")


def test_different_curves_fail(check_gpu):
    from gpu_checks.lab import difference

    assert difference([1.0, 2.0], [1.0, 2.0], 0.1) == "2 losses differ by at most 0.0e+00; bound 1e-01"
    for losses in ([1.0, 2.5], [1.0, float("nan")]):
        with pytest.raises(check_gpu.FailedError):
            difference(losses, [1.0, 2.0], 0.1)


def test_scales_of_a_gradient_scaler_are_recorded(check_gpu):
    weight, scaler = torch.ones(1, requires_grad=True), torch.amp.GradScaler("cpu", init_scale=4.0)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    with check_gpu.numerics.scales() as found:
        for factor in (1.0, float("inf")):
            scaler.scale((factor * weight).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
    assert found == [4.0, 2.0]
    scaler.update(8.0)
    assert found == [4.0, 2.0]


def test_problems_without_their_data_are_named(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import benchmark_gpu

    monkeypatch.setattr(benchmark_gpu, "ROOT", tmp_path)
    found = {problem: benchmark_gpu._missing_data(problem) for problem in ("digits_mlp", "shakespeare_gpt")}
    assert found == {"digits_mlp": "", "shakespeare_gpt": "shakespeare"}


@pytest.mark.slow
def test_benchmark_writes_its_table_on_the_cpu(tmp_path):
    page = tmp_path / "benchmarks.md"
    done = run("benchmark_gpu.py", "--device", "cpu", "--quick", "--problem", "digits_mlp", "--markdown", str(page))
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ")[:2] for line in page.read_text().splitlines() if line.startswith("| digits_mlp")]
    assert rows == [["| digits_mlp", "loop, Adam fused"], ["| digits_mlp", "descentlab"]]


@pytest.mark.slow
def test_checks_pass_on_the_cpu(check_gpu):
    done = run("check_gpu.py", "--device", "cpu", "--quick")
    assert done.returncode == 0, done.stderr
    rows = [line.split("│") for line in done.stdout.splitlines() if line.startswith("│ ") and line.split("│")[2].strip()]
    results = {row[1].strip(): row[2].strip() for row in rows}
    assert results.keys() == check_gpu.CHECKS.keys()
    skipped = {name for name, result in results.items() if result == "skipped"}
    assert skipped == {"precision 16-mixed, with its scaler", "no waiting between log points", "memory over 1,000 steps"}
    assert set(results.values()) == {"passed", "skipped"}
