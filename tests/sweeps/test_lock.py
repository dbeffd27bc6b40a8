"""The lock of a sweep's folder."""

from __future__ import annotations

import pytest
from conftest import ROOT
from support.fake_launcher import Clock, FakeLauncher
from support.tuning import summary_of

from descentlab.config.command_line import Command, config_loader
from descentlab.store.record import LOCK, is_held
from descentlab.sweeps import queue, summary, watch
from descentlab.sweeps.launch import launch
from descentlab.tuning.launch import tune


@pytest.mark.parametrize("words", [["optimizer=adam"], ["optimizer=adam", "hydra/sweeper=tune", "trials=2", "seeds=1"]])
def test_the_report_is_written_while_the_sweep_is_locked(tmp_path, monkeypatch, words):
    clock = Clock()
    for module in (queue, watch):
        monkeypatch.setattr(module, "time", clock)
    fake, locked = FakeLauncher(clock, summary=summary_of), []
    monkeypatch.setattr(summary, "show", lambda sweep, *_: locked.append((is_held(sweep / LOCK), fake.entered)))
    with config_loader(ROOT / "conf") as loader:
        command = Command(loader, [*words, "logger=none", f"output_dir={tmp_path}"], multirun=True)
        if command.is_tuner:
            tune(command, lambda _: fake)
        else:
            launch(command.runs(), lambda _: fake)
    assert locked == [(True, False)]
    assert [is_held(path) for path in tmp_path.glob(f"*/{LOCK}")] == [False]
