"""Fixtures that plan the runs of a command line without starting them."""

from __future__ import annotations

import pytest
from conftest import ROOT

from descentlab.config.command_line import Command, config_loader
from descentlab.config.explain import COMPOSITION_ERRORS, explain
from descentlab.errors import UsageError
from descentlab.launchers.factory import launcher_factory
from descentlab.sweeps.launch import checked_plan


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return the jobs of a command line, and the notes about them: plan("optimizer=adam,sgd")."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a,1\n" + "".join(f"{n},{n}\n" for n in range(40)))

    def make(*words, multirun=True, config_dir=None):
        notes = []
        with config_loader(ROOT / "conf", config_dir) as loader:
            command = Command(loader, ["logger=none", *words] if not any("logger" in w for w in words) else words, multirun)
            jobs = checked_plan(command.runs(), notes.append)
            launcher_factory(command.launcher, words)
        return jobs, notes

    return make


@pytest.fixture
def refused(plan):
    """Return the message with which a command line is refused: refused("seed=x")."""

    def message(*words, **how):
        with pytest.raises((UsageError, *COMPOSITION_ERRORS)) as error:
            plan(*words, **how)
        return str(error.value) if isinstance(error.value, UsageError) else explain(error.value, words)

    return message
