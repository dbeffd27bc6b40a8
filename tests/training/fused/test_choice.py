"""The choice between the traced and the compiled program of a group, and between a group and single runs."""

from __future__ import annotations

import pytest

from descentlab import run_group
from descentlab.optim.programs.compiled import FOLDER
from descentlab.store.interruption import Interruption
from descentlab.store.record import FUSE, Record
from descentlab.training.fused import choice

RUN = ("model.hidden=[8]", "budget.epochs=null", "budget.steps=20", "data.limit=200", "diagnostics=none")


@pytest.fixture
def compiled(job, monkeypatch, tmp_path):
    """Train two runs with these words as a group, and return whether its program was compiled, and its predicted seconds."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    monkeypatch.setenv(FUSE, "always")

    def do(*words: str):
        jobs = [job(*RUN, *words, f"seed={seed}", "sweep=group") for seed in range(2)]
        assert run_group.main([each.folder for each in jobs], Interruption()) == 0
        about = Record.read(jobs[0].folder).summary["group"]
        return about["compiled"], about["predicted_seconds"]

    return do


@pytest.mark.slow
def test_a_program_in_the_cache_is_timed_and_used_if_it_is_faster(compiled, monkeypatch):
    assert compiled()[0] is False, "it would save less than compiling costs"
    assert compiled("compile=step")[0] is True
    is_compiled, seconds = compiled("optimizer.lr=0.01")
    assert is_compiled is True
    assert 0 < seconds["compiled"] < seconds["traced"]

    found = iter((1e-3, 2e-3, 5e-3))  # of a single step, of the traced and of the compiled program
    monkeypatch.setattr(choice, "seconds_of", lambda function: next(found))
    is_compiled, seconds = compiled("optimizer.lr=0.03")
    assert is_compiled is False
    assert seconds["compiled"] == pytest.approx(20 * 5e-3)
