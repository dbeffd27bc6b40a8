"""The answer of real runs with a manifest written by hand."""

from __future__ import annotations

import re

import pytest
from support.commands import TRAIN, run_script

from descentlab.report.compare import compare
from descentlab.report.emphasis import emphasised_statements
from descentlab.report.load import load
from descentlab.report.page import build
from descentlab.report.statement import statement
from descentlab.store.manifest import Arm, Manifest, Trial
from descentlab.store.record import find

RATES = {"adam": (0.001, 0.1), "sgd": (0.01, 1.0)}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """Train two rates of two optimizers with the seeds 0, 1, 2 and 1000, and declare those of seed 1000 as trials."""
    folder = tmp_path_factory.mktemp("tuned")
    for optimizer, rates in RATES.items():
        words = [f"optimizer={optimizer}", f"optimizer.lr={','.join(map(str, rates))}", "seed=0,1,2,1000"]
        shared = ["problem=breast_cancer_logistic", "budget.epochs=3", "logger=none", f"output_dir={folder}", "sweep=s"]
        run_script(TRAIN, "-m", *words, *shared, cwd=folder).check_returncode()
    runs = {(run.choices["optimizer"], run.config["optimizer"]["lr"], run.config["seed"]): run for run in find(folder / "s")}
    arms: list[Arm] = []
    for optimizer, rates in RATES.items():
        tried = [(rate, runs[optimizer, rate, 1000]) for rate in rates]
        trials = [Trial(i, {"optimizer.lr": rate}, [run.id], run.summary["best_valid"]) for i, (rate, run) in enumerate(tried)]
        best = max(trials, key=lambda trial: trial.value or 0).index
        report, default = ([runs[optimizer, rates[index], seed].id for seed in range(3)] for index in (best, 1 - best))
        space = {"optimizer.lr": list(rates)}
        arms.append(Arm(optimizer, "breast_cancer_logistic", optimizer, [], space, trials, best, report, default))
    Manifest("grid", "descentlab", 0, [1000], [0, 1, 2], arms).write(folder / "s")
    return folder / "s"


@pytest.mark.slow
def test_real_runs_give_a_statement_with_interval_test_and_cost(tuned, tmp_path):
    (answer,) = compare(load([tuned]))
    assert [len(entry.completed) for entry in answer.entries] == [3, 3]
    assert {entry.default.role for entry in answer.entries} == {"default"}
    number = r"[\d.]+"
    interval = rf"-?{number} \[-?{number}, {number}\]"
    text = statement(answer)
    assert re.match(rf"(adam|sgd) \(lr=[^)]*\) reaches {interval} test auroc", text)
    assert re.search(rf"{interval} \(paired t, p [<=] {number}", text)
    assert re.search(rf"after 2 trials each; {number} s of training in 16 runs\.$", text)
    (line,) = emphasised_statements([answer])
    assert str(line) in build([tuned], tmp_path).read_text()
    assert line.striptags() == text
    assert answer.pairs[0].difference.correlation is not None
