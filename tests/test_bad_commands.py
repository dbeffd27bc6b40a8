"""An invalid command prints at most one screen, which names the fix, and neither trains nor writes files."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import TRAIN, run_here, run_script

SCREEN = 24  # lines

TABLE = ["data=csv", "data.path=loans.csv", "data.target=paid", "model=linear"]

BAD = [
    (["optimizer=adm"], ["optimizer=adm", "did you mean adam?", "rmsprop"]),
    (["problem=digits"], ["unknown problem", "digits_mlp", "quadratic_deep"]),
    (["optimiser=adam"], ["optimiser: unknown key; did you mean optimizer?"]),
    (["foo=1"], ["foo: unknown key\n", "batch_size"]),
    (["optimizer.lrr=0.1"], ["optimizer.lrr", "did you mean lr?"]),
    (["optimizer=adam", "optimizer.momentum=0.9"], ["unknown key momentum in optimizer", "betas"]),
    (["model.hiden=[3]"], ["did you mean hidden?"]),
    (["budget.epoch=3"], ["did you mean epochs?"]),
    (["optimizer.lr=-1"], ["optimizer.lr=-1", "[0, inf)"]),
    (["optimizer.lr=fast"], ["optimizer.lr=fast", "a number in"]),
    (["batch_size=0"], ["batch_size=0", "[1, inf)", "full"]),
    (["batch_size=ful"], ["batch_size=ful", "did you mean full?"]),
    (["optimizer.betas=[0.9,1.0]"], ["optimizer.betas=[0.9, 1.0]", "[0, 1)"]),
    (["model.activation=rellu"], ["did you mean relu?"]),
    (["budget.epochs=null"], ["budget", "budget.steps"]),
    (["schedule=cosine", "budget.epochs=null", "budget.seconds=5"], ["schedule", "budget.steps"]),
    (["problem=diabetes_linear", "model=cnn_2c2d"], ["image_shape", "model=cnn_2c2d does not fit"]),
    (["problem=diabetes_linear", "task=classification"], ["num_classes", "task=classification does not fit"]),
    (["optimizer=adam,sgd"], ["add -m"]),
    (["-m", "optimizer=adam,sdg"], ["optimizer=sdg", "did you mean sgd?"]),
    (["-m", "optimizer=adam,sgd", "optimizer.lr=0.1,-0.1"], ["optimizer.lr=-0.1"]),
    (["-m", "optimizer=adam,momentum", "optimizer.momentum=0.5"], ["unknown key momentum in optimizer=adam"]),
    (["optimizer.lr"], ["optimizer.lr", "key=value"]),
    (["data.limit=[1"], ["cannot be read"]),
    (["trainer.devices=0"], ["trainer.devices=0", "[1, inf)"]),
    (["trainer=ddp", "batch_size=1"], ["batch_size=1", "2 processes"]),
    (["stop.at_target=true", "target=null"], ["needs a target"]),
    (["report.by=steps_to_target", "target=null"], ["report.by=steps_to_target needs a target", "target=0.95"]),
    (["seed=-1"], ["seed=-1"]),
    (["threads=1000"], ["1000", "cores"]),
    (["sweep=../elsewhere"], ["sweep=../elsewhere", "not the name of a folder"]),
    (["-m", "optimizer=adam", "seed=range(0)"], ["the sweep is empty"]),
    (["deterministic=maybe"], ["deterministic=maybe", "true, false"]),
    (["lr=0.1"], ["lr: unknown key; did you mean optimizer.lr?"]),
    (["baseline=pca"], ["model.code_size", "which model=mlp does not have"]),
    (["-m", "--cfg", "job"], ["leave out -m"]),
    (["problem=orl_faces_recognition", "task=triplet"], ["model=face_embedding"]),
    (["--config-dir=CONF", "problem=late"], ["conf/problem/late.yaml", "# @package _global_", "first line"]),
    (["--config-dir=CONF", "optimizer=late"], ["optimizer has no _target_", "first line"]),
    ([*TABLE, "task=classification"], ["data.kind=regression", "data.kind=classes, or task=regression"]),
    ([*TABLE, "task=regression"], ["data.target=paid is not numeric", "data.kind=binary data.positive=yes task=binary"]),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table, and with configs whose package directive is not in the first line."""
    (tmp_path / "loans.csv").write_text("room;paid\n" + "".join(f"{n};{'yes' if n % 2 else 'no'}\n" for n in range(60)))
    late = {"problem": "defaults:\n  - override /data: digits\n", "optimizer": "optimizer:\n  _target_: torch.optim.SGD\n"}
    for group, content in late.items():
        (tmp_path / "CONF" / group).mkdir(parents=True)
        (tmp_path / "CONF" / group / "late.yaml").write_text(f"# What it is.\n# @package _global_\n{content}")
    return tmp_path


@pytest.mark.parametrize(("command", "expected"), BAD, ids=[" ".join(command) for command, _ in BAD])
def test_the_message_of_an_invalid_command_names_the_fix(command, expected, folder, monkeypatch, capsys):
    outputs = folder / "outputs"
    monkeypatch.chdir(folder)
    code, output = run_here([*command, f"output_dir={outputs}"], monkeypatch, capsys)
    assert code == 2, output
    for part in expected:
        assert part in output
    assert "Traceback" not in output
    assert len(output.splitlines()) <= SCREEN
    assert not outputs.exists() or not any(outputs.iterdir())


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").touch()
    answer = run_script(TRAIN, f"output_dir={tmp_path}/file/x")
    assert answer.returncode == 2
    assert "file/x/digits_mlp" in answer.stderr
    assert "Not a directory" in answer.stderr
    assert "Traceback" not in answer.stderr
