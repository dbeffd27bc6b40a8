"""Exported scripts: they import only torch, and print the numbers of the record."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, needs_data, needs_fashion_mnist
from support.exported import largest_difference, link_torch, parse, recorded, run_script

from descentlab.errors import UsageError
from descentlab.export.script import export, with_kernels

TOLERANCE = 1e-6


@pytest.fixture
def finished(train):
    """Train a run and write its record."""

    def do(*overrides: str):
        run = train(*overrides)
        run.record.folder = run.folder
        run.record.write(run.folder)
        return run.record

    return do


def execute(script: Path, capsys) -> dict[tuple[int, str], float]:
    """Run `script` in this process, and return what it prints."""
    capsys.readouterr()
    runpy.run_path(str(script), run_name="__main__")
    return parse(capsys.readouterr().out)


FAST = (
    "optimizer=momentum schedule=one_cycle model.dropout=0.3 model.norm=batch clip.norm=0.5",
    "optimizer=sgd model.norm=layer model.residual=true model.init=residual clip.adaptive=0.05 clip.value=0.01 clip.norm=0.1",
    "optimizer=scratch/muon seed=4 data_seed=4294967295 microbatch=10",
    "problem=breast_cancer_logistic optimizer=adam schedule=reduce_on_plateau schedule.patience=0",
)
SLOW = (
    "optimizer=rmsprop decay.rate=0.1 decay.kind=independent schedule=linear batch_size=full",
    "optimizer=scratch/schedule_free_adamw decay.to=matrices lr_decay=0.9",
    "optimizer=adamw average.kind=ema schedule@decay_schedule=cosine data.drop_last=true",
    "problem=diabetes_linear optimizer=lbfgs batch_size=full",
    "problem=digits_autoencoder optimizer=nadam average.kind=swa average.start=0.5",
    "optimizer=sgd optimizer.lr=1e6",
)


@pytest.mark.parametrize("words", [*FAST, *(pytest.param(words, marks=pytest.mark.slow) for words in SLOW)])
def test_exported_script_prints_the_values_of_the_record(words, finished, capsys):
    record = finished(*words.split(), "budget.epochs=null", "budget.steps=12", "validate_every=5", "log_every=5")
    assert largest_difference(execute(export(record.folder).script, capsys), recorded(record)) < TOLERANCE


def test_script_imports_only_torch_and_has_no_code_that_its_run_did_not_use(finished):
    record = finished("optimizer=scratch/adam", "schedule=cosine", "budget.steps=2")
    text = export(record.folder).script.read_text()
    tree = ast.parse(text)
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(name).split(".")[0] for name in imported} <= {"torch", *sys.stdlib_module_names}
    assert not any(unused in text for unused in ("clip", "state_dict(self)", "decay_weights", "MICROBATCH"))


def test_script_uses_the_kernel_of_the_run(finished):
    record = finished("optimizer=adam", "budget.steps=20")
    node = record.config["optimizer"]
    assert with_kernels(record.config, record)["optimizer"] == {**node, "fused": True}
    record.summary["kernels"] = "default"
    assert with_kernels(record.config, record)["optimizer"] == {key: value for key, value in node.items() if key != "fused"}


def test_script_is_formatted(finished):
    record = finished("optimizer=muon", "schedule=one_cycle", "budget.steps=2")
    script = export(record.folder).script
    ruff = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "128", str(script)]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_early_end_is_reported_and_kept(finished, capsys):
    record = finished("optimizer=sgd", "optimizer.lr=1e-6", "budget.steps=100", "validate_every=2", "stop.patience=2")
    exported = export(record.folder)
    assert any("no improvement" in note for note in exported.notes)
    assert largest_difference(execute(exported.script, capsys), recorded(record)) < TOLERANCE


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("optimizer=lion", r"optimizer=pytorch_optimizer.Lion"),
        ("optimizer=scratch/adam engine=explicit", r"engine=explicit"),
        ("callbacks=lr_monitor", r"callbacks of Lightning \(lr_monitor\)"),
        ("trainer.precision=64-true", r"trainer.precision=64-true"),
        ("noise.std=0.1", r"noise.std=0.1"),
        ("task.z_loss=0.1", r"task.z_loss=0.1"),
        ("problem=quadratic_deep", r"uses numpy"),
    ],
)
def test_run_that_needs_more_than_torch_is_refused(words, reason, finished):
    record = finished(*words.split(), "budget.epochs=null", "budget.steps=2")
    with pytest.raises(UsageError, match=reason):
        export(record.folder)
    assert not (record.folder / "train.py").exists()


def test_class_outside_of_the_package_is_refused(finished):
    record = finished("budget.steps=2")
    config = record.folder / "config.yaml"
    config.write_text(config.read_text().replace("descentlab.models.mlp.MLP", "mine.Net"))
    with pytest.raises(UsageError, match=r"model\._target_=mine\.Net is not part of descentlab"):
        export(record.folder)


def test_changed_data_are_refused(finished):
    record = finished("budget.steps=2")
    record.data["digest"] = "0"
    record.write(record.folder)
    with pytest.raises(UsageError, match="its data have changed"):
        export(record.folder)


def test_folder_without_a_finished_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not the folder of a finished run"):
        export(tmp_path)


@pytest.fixture(scope="module")
def torch_alone(tmp_path_factory) -> Path:
    return link_torch(tmp_path_factory.mktemp("site") / "packages")


@pytest.mark.slow
@pytest.mark.parametrize("module", ["numpy", "descentlab", "lightning", "sklearn"])
def test_environment_of_exported_scripts_has_only_torch(module, torch_alone, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import torch, importlib.util\nassert importlib.util.find_spec('{module}') is None")
    assert run_script(script, torch_alone) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "problem=digits_mlp optimizer=adam budget.epochs=3",
        "problem=digits_softmax optimizer=scratch/rmsprop budget.epochs=2",
        pytest.param(
            "problem=fashion_mnist_2c2d optimizer=momentum schedule=cosine budget.steps=8",
            marks=needs_fashion_mnist,
        ),
        pytest.param(
            "problem=shakespeare_gpt optimizer=muon budget.steps=6 validate_every=3 log_every=2",
            marks=needs_data("shakespeare"),
        ),
    ],
)
def test_script_with_torch_alone_prints_the_values_of_the_record(words, finished, torch_alone):
    record = finished(*words.split())
    assert largest_difference(run_script(export(record.folder).script, torch_alone), recorded(record)) < TOLERANCE


@pytest.mark.slow
@needs_fashion_mnist
def test_packed_images_replace_the_files_of_the_data_set(finished, tmp_path, torch_alone):
    record = finished("problem=fashion_mnist_softmax", "optimizer=sgd", "budget.steps=3")
    exported = export(record.folder, tmp_path / "moved.py", pack=True)
    assert str(ROOT / "data") not in exported.script.read_text()
    assert exported.data == tmp_path / "moved.pt"
    assert largest_difference(run_script(exported.script, torch_alone), recorded(record)) < TOLERANCE
