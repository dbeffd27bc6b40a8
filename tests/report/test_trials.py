"""The best value that more trials of a tuned sweep can reach."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.trials import best_reachable
from descentlab.store.manifest import Manifest

COMPARE = Path(__file__).parents[2] / "scripts" / "compare.py"


def test_grids_and_dependent_or_few_trials_have_the_reason_instead(make_run, make_tuned, tmp_path):
    make_run()
    (line,) = best_reachable(compare(load([tmp_path / "sweep"]))[0])
    assert line.startswith("digits_mlp was not tuned")
    sweep = make_tuned({"adam": 0.9})
    assert best_reachable(compare(load([sweep]))[0]) == [
        "adam: the best reachable value needs at least 12 trials with different values"
    ]
    replace(Manifest.read(sweep), sampler="tpe").write(sweep)
    (line,) = best_reachable(compare(load([sweep]))[0])
    assert line.startswith("The best reachable value needs independent trials")


@pytest.mark.slow  # a fit takes seconds
def test_compare_prints_the_best_reachable_value_on_request(make_tuned):
    sweep = make_tuned({"adam": 0.9})
    manifest, generator = Manifest.read(sweep), np.random.default_rng(0)
    (arm,) = manifest.arms
    scores = 0.95 - 0.3 * (generator.uniform(-1, 1, (100, 2)) ** 2).sum(1) + generator.normal(0, 0.002, 100)
    trials = [replace(arm.trials[0], index=index, value=float(score)) for index, score in enumerate(scores)]
    replace(manifest, arms=[replace(arm, trials=trials)]).write(sweep)
    words = [sys.executable, str(COMPARE), str(sweep)]
    plain = subprocess.run(words, capture_output=True, text=True, check=True)
    found = subprocess.run([*words, "--best-reachable"], capture_output=True, text=True, check=True)
    text = " ".join(found.stdout.split())
    value = re.search(r"adam: more trials can reach a validation accuracy of about (\S+) \(.*\); 2 hyperparameters", text)
    assert float(value.group(1)) == pytest.approx(0.95, abs=0.01)
    assert "fitted to the best 50 of 100 trials; a point estimate without an interval)" in text
    assert "more trials can reach" not in plain.stdout
