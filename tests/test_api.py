"""The Python interface."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

import descentlab
from descentlab.errors import UsageError

FINISHED = ROOT / "tests" / "report" / "finished" / "digits_mlp-2ba346"


def test_loading_a_sweep_imports_neither_torch_nor_hydra():
    code = f"import sys, descentlab; descentlab.load({str(FINISHED)!r}).runs; print({{'torch', 'hydra'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_importing_the_package_does_not_import_polars():
    code = "import sys, descentlab; print('polars' in sys.modules, dir(descentlab.load) != [])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False True"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        _ = descentlab.fit


@pytest.mark.parametrize("words", [("optimizer=adamm",), ("optimzer=adam",), ("optimizer.lr=-1",), ("optimizer=",)])
def test_a_mistake_is_a_usage_error_and_nothing_is_started(words, tmp_path):
    with pytest.raises(UsageError):
        descentlab.train(*words, f"output_dir={tmp_path}")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_sweep_is_trained_and_returned_with_earlier_runs_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = ("budget.epochs=1", "logger=none", "sweep=mine", f"data_dir={ROOT / 'data'}", f"output_dir={tmp_path}")
    first = descentlab.train("optimizer=adam,sgd", "seed=0,1", *common)
    assert first.runs.select("optimizer", "seed", "status").sort("optimizer", "seed").rows() == [
        ("adam", 0, "completed"),
        ("adam", 1, "completed"),
        ("sgd", 0, "completed"),
        ("sgd", 1, "completed"),
    ]
    assert first.pairs.height == 2
    again = descentlab.train("optimizer=lion", "seed=0,1", *common)
    assert again.runs.height == 6
