"""A user's optimizer in a file outside the repository: two overrides or one YAML file, and no change of code."""

from __future__ import annotations

import pytest
from support.commands import TRAIN, run_script

from descentlab.store import record as records

CODE = """
import torch

class Mine(torch.optim.Optimizer):
    def __init__(self, params, lr, halve=1):
        super().__init__(params, {"lr": lr, "halve": halve})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad, alpha=-group["lr"] / 2 ** group["halve"])
"""
YAML = """# @package _global_
optimizer:
  _target_: my_optimizers.Mine
  _partial_: true
  lr: 0.2
  halve: 1
"""


@pytest.fixture
def command(tmp_path):
    (tmp_path / "my_optimizers.py").write_text(CODE)
    (tmp_path / "conf" / "optimizer").mkdir(parents=True)
    (tmp_path / "conf" / "optimizer" / "mine.yaml").write_text(YAML)

    def run(*words, path=str(tmp_path)):
        given = (*words, "budget.epochs=2", "logger=none", f"output_dir={tmp_path}/out")
        return run_script(TRAIN, *given, cwd=tmp_path, timeout=120, PYTHONPATH=path)

    return run


def losses(tmp_path, sweep):
    (record,) = records.find(tmp_path / "out" / sweep)
    assert record.status == "completed"
    return records.read_curves(record.folder)["train/loss"].drop_nulls().to_list()


@pytest.mark.slow
def test_two_overrides_equal_one_file(command, tmp_path):
    given = {
        "sgd": ("optimizer=sgd", "optimizer.lr=0.1"),
        "typed": ("optimizer=custom", "optimizer._target_=my_optimizers.Mine", "optimizer.lr=0.2"),
        "filed": ("--config-dir", str(tmp_path / "conf"), "optimizer=mine"),
    }
    for sweep, words in given.items():
        answer = command(*words, f"sweep={sweep}")
        assert answer.returncode == 0, answer.stderr
    assert losses(tmp_path, "typed") == losses(tmp_path, "filed") == pytest.approx(losses(tmp_path, "sgd"), rel=1e-5)


@pytest.mark.slow
def test_errors_are_reported_before_training(command, tmp_path):
    target = "optimizer._target_=my_optimizers.Mine"
    for words, message in (
        (("optimizer=custom",), "optimizer._target_"),
        (("optimizer=custom", target, "+optimizer.halvee=2"), "did you mean halve?"),
        (("optimizer=custom", target.replace("Mine", "Yours")), "cannot be imported"),
    ):
        answer = command(*words)
        assert answer.returncode == 2, answer.stderr
        assert message in answer.stderr
        assert "Traceback" not in answer.stderr
    answer = command("optimizer=custom", target, path="")
    assert "put the folder that holds it on PYTHONPATH" in answer.stderr
    assert not any((tmp_path / "out").iterdir())
