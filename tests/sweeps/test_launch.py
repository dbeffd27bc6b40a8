"""The files that a command writes while its runs are trained, and the output of --dry-run."""

from __future__ import annotations

from conftest import compose
from support.fake_launcher import make_job

from descentlab.launchers.base import Fusing
from descentlab.store.commands import read_commands
from descentlab.sweeps.launch import dry_run, train
from descentlab.sweeps.source import Grid


def test_the_command_is_recorded_before_the_first_run_ends(launcher, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py", "seed=3"])
    found = []
    launcher.on_wait = lambda: found.append(read_commands(tmp_path / "s"))
    train(Grid([make_job(tmp_path / "s", "first")]), lambda _: launcher)
    assert found[0] == ["python train.py seed=3"]


def test_a_dry_run_lists_fused_groups_and_the_reasons_of_single_runs(launcher, tmp_path, capsys):
    words = ("problem=digits_mlp", "logger=none", f"output_dir={tmp_path}")
    runs = [compose(*words, f"optimizer={name}", f"seed={seed}") for name in ("adam", "sam") for seed in range(2)]
    launcher.fusing = Fusing("auto")
    dry_run(runs, lambda _: launcher)
    assert capsys.readouterr().out.splitlines()[4:] == [
        "digits_mlp adam: 2 runs as 1 fused group",
        "digits_mlp sam: 2 single: optimizer: pytorch_optimizer.SAM has no update rule in descentlab.rules",
        "4 of 4 runs would start; nothing was started",
    ]
    assert not launcher.starts
