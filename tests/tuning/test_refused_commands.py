"""Tuning commands that are wrong are refused with a message that names the fix, before anything starts."""

from __future__ import annotations

import pytest
from conftest import ROOT
from omegaconf import OmegaConf

from descentlab.config.sweeper import TUNER
from descentlab.errors import UsageError
from descentlab.tuning.arms import _seeds_given
from descentlab.tuning.tuner import Tuner

REFUSED = [
    (["trials=0"], "trials=0 is not allowed: trials is a whole number in [1, inf)"),
    (["seeds=2000"], "seeds is a whole number in [1, 1000]"),
    (["sampler=sobl"], "sampler is one of sobol, halton, random, grid, tpe; did you mean sobol?"),
    (["halving=1"], "halving is a number in [2, inf) or null"),
    (["max_seconds=0"], "max_seconds is a number in (0, inf) or null"),
    (["seed=3"], "seed is set by the tuner: seeds=5 trains the selected settings"),
    (["seed=0,1"], "seed is set by the tuner"),
    (["data_seed=0,1"], "data_seed is set by the tuner"),
    (["optimizer=adam", "optimizer.lr=0.1"], "optimizer.lr=0.1: optimizer.lr is tuned by optimizer=adam"),
    (["optimizer.lr=0.1,0.2"], "or fix the value with ~search.lr"),
    (["clip={norm: 1}", "+search.clip.norm=[0.1,1]"], "clip={norm: 1}: clip.norm is tuned"),
    (["~search.lr"], "optimizer=adam has no search space: add '+search.lr=[1.0e-5,0.1]'"),
    (["search.lr=[1,0]"], "search.lr: its low end 1 is not below its high end 0"),
    (["optimizer=adam,sdg"], "optimizer=sdg: unknown optimizer; did you mean sgd?"),
    (
        ["sampler=grid", "trials=2", "+search.batch_size={choices: [1, 2, 3]}"],
        "adam on digits_mlp: sampler=grid: the choices have 3 combinations, more than trials=2",
    ),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_a_tuning_command_that_is_wrong_is_refused(tune, words, message):
    with pytest.raises(UsageError) as refusal:
        tune.tuner(*words)
    assert message in str(refusal.value)


def test_a_run_started_by_torchrun_cannot_be_tuned(tune, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="to tune use hydra/launcher=slurm"):
        tune.tuner()


def test_accepted_words_that_resemble_refused_ones(tune):
    assert tune.tuner("data_seed=0")
    assert tune.tuner("optimizer.weight_decay=0.1", "optimizer=adam")
    assert tune.tuner("optimizer.lr=0.1", "~search.lr", "+search.weight_decay=[1e-4,1]")


def test_the_check_of_seeds_reads_each_override_once():
    class Word:
        """An override that counts how often its key is read."""

        reads = 0
        input_line = "optimizer=adam"

        @property
        def key_or_group(self):
            Word.reads += 1
            return "optimizer"

    assert list(_seeds_given([(Word(), Word()) for _ in range(100)])) == []
    assert Word.reads == 200


def test_the_settings_do_not_hide_keys_of_runs():
    settings = OmegaConf.load(ROOT / "conf" / "hydra" / "sweeper" / "tune.yaml")
    assert not {*settings} & {*OmegaConf.load(ROOT / "conf" / "train.yaml")}
    assert settings["_target_"] == TUNER == f"{Tuner.__module__}.{Tuner.__qualname__}"
