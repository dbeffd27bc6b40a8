"""Which runs form fused groups, why others do not, and how large groups are cut."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from conftest import compose_config

from descentlab.config.build import build
from descentlab.launchers.base import Fusing
from descentlab.optim.programs.columns import columns_of
from descentlab.optim.recipe import Recipe
from descentlab.store.job import Job
from descentlab.sweeps.grouping import ALONE, Grouping, cut, describe, structure, summary_lines
from descentlab.sweeps.unfusable import is_logged_live, reason_to_stay_single

LONGER = (["budget.epochs=99"], ["budget.epochs=99", "seed=1"])
BASE = ("problem=digits_mlp", "logger=none")


def config(*words):
    found, _, mistakes = compose_config(*BASE, *words)
    assert not mistakes
    return found


@pytest.fixture
def make(tmp_path):
    """Make jobs of composed configs: make([], ["seed=1"]); their names are their places in the list."""

    def jobs(*several):
        found = []
        for place, words in enumerate(several):
            content, choices, mistakes = compose_config(*BASE, *words)
            assert not mistakes
            name = str(place)
            found.append(Job(name, name, "s", choices, content, tmp_path / "s" / name))
        return found

    return jobs


def names(groups):
    return [" ".join(job.name for job in group) for group in groups]


@pytest.mark.parametrize(
    "words",
    [
        ["seed=3"],
        ["data_seed=3"],
        ["optimizer.lr=0.5", "optimizer.eps=1e-3"],
        ["optimizer.betas=[0.8,0.9]"],
        ["target=0.5", "stop.patience=3", "stop.divergence=null", "validate_every=7"],
        ["budget.epochs=3"],
        ["budget.epochs=null", "budget.steps=30"],
        ["timeout=3", "retries=1", "heartbeat=null", "checkpoint.every=null", "rerun=true", "report.by=train/loss"],
        ["average.decay=0.5"],
    ],
    ids=" ".join,
)
def test_members_may_differ(words):
    assert structure(config(*words)) == structure(config())


@pytest.mark.parametrize(
    "words",
    [
        ["optimizer=sgd"],
        ["optimizer.amsgrad=true"],
        ["schedule=cosine"],
        ["clip.norm=1.0"],
        ["decay.rate=0.1"],
        ["batch_size=64"],
        ["log_every=3"],
        ["model.hidden=[64,33]"],
        ["model.dropout=0.1"],
        ["average.kind=ema"],
        ["trainer.precision=64-true"],
        ["diagnostics=none"],
        ["lr_decay=0.9"],
    ],
    ids=" ".join,
)
def test_members_may_not_differ(words):
    assert structure(config(*words)) != structure(config())


def test_numbers_that_select_another_rule_separate_groups():
    momentum = [config("optimizer=momentum", f"optimizer.momentum={value}") for value in (0.0, 0.5, 0.9)]
    assert structure(momentum[0]) != structure(momentum[1]) == structure(momentum[2])
    muon = [config("optimizer=muon", f"optimizer.ns_steps={value}", "optimizer.lr=0.1") for value in (3, 5)]
    assert structure(muon[0]) != structure(muon[1])


@pytest.mark.parametrize("word", ["decay.rate", "optimizer.weight_decay", "schedule.warmup"])
def test_numbers_that_are_zero_are_not_grouped_with_others(word):
    zero, small, large = (structure(config(f"{word}={value}")) for value in (0, 0.1, 0.2))
    assert zero != small == large


def test_runs_of_one_structure_have_the_same_columns():
    """A step of stacked runs needs the same table of numbers for each run."""
    words = [[f"decay.rate={rate}", f"optimizer.momentum={momentum}"] for rate in (0, 0.1, 0.2) for momentum in (0, 0.5, 0.9)]
    columns: dict[str, set[str]] = {}
    for each in words:
        found = config("optimizer=momentum", *each)
        model, recipe = torch.nn.Linear(2, 2), Recipe.of(found, build)
        columns.setdefault(structure(found), set()).add(str(columns_of(recipe, recipe.make(model, 1))))
    assert [len(each) for each in columns.values()] == [1] * 4


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu"], "trainer starts several processes"),
        (["trainer.precision=bf16-mixed"], "trainer.precision=bf16-mixed is neither 32-true nor 64-true"),
        (["engine=explicit", "optimizer=scratch/adam"], "engine=explicit trains one run"),
        (["microbatch=8"], "microbatch is set"),
        (["callbacks=lr_monitor"], "callbacks are set"),
        (["compile=true"], "compile=true compiles the model of one run"),
        (["optimizer=sam"], "optimizer: pytorch_optimizer.SAM has no update rule in descentlab.rules"),
        (["optimizer=muon", "auxiliary.amsgrad=true"], "auxiliary: this combination of settings of torch.optim.AdamW"),
        (["optimizer=scratch/adam", "needs.random=true"], "needs.random is set"),
        (["budget.seconds=5"], "budget.seconds is set"),
        (["problem=cifar10_3c3d"], "data.augment=crop_flip draws other images for each run"),
        (["+diagnostics.own._target_=mine.Probe"], "diagnostics.own is not one of the probes of diagnostics=light"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_run_stays_single_for_a_reason(words, reason):
    assert reason_to_stay_single(config(*words)).startswith(reason)


@pytest.mark.parametrize(
    "optimizer", ["adam", "sgd", "momentum", "rmsprop", "muon", "lion", "scratch/adamw", "schedulefree_sgd"]
)
def test_shipped_optimizers_with_a_rule_have_no_reason(optimizer):
    assert not reason_to_stay_single(config(f"optimizer={optimizer}", "schedule=constant"))


@pytest.mark.parametrize(
    ("mode", "key", "live", "expected"),
    [
        ("offline", "", False, False),
        ("online", "", False, True),
        ("", "k", False, True),
        ("", "", False, False),
        ("offline", "k", True, True),
        ("disabled", "k", False, False),
    ],
)
def test_runs_that_are_logged_live_are_recognised(monkeypatch, mode, key, live, expected):
    monkeypatch.setenv("WANDB_MODE", mode)
    monkeypatch.setenv("WANDB_API_KEY", key)
    assert is_logged_live({"project": "p", "live": live}) == expected
    assert not is_logged_live({"project": None, "live": live})


def test_runs_are_grouped_by_structure_and_single_ones_have_a_reason(make):
    jobs = make(
        ["seed=0"],
        ["optimizer=sgd"],
        ["seed=1"],
        ["batch_size=64"],
        ["seed=2", "budget.seconds=3"],
        ["optimizer=sgd", "seed=1"],
    )
    division = Grouping(Fusing("auto", at_once=1)).divide(jobs)
    assert names(division.groups) == ["0 2", "1 5", "3", "4"]
    assert division.reasons == {"3": ALONE, "4": "budget.seconds is set"}
    assert list(summary_lines(division)) == [
        "4 runs in 2 fused groups (hydra.launcher.fuse=never trains them one by one)",
        "1 single: budget.seconds is set",
        f"1 single: {ALONE}",
    ]
    assert list(describe(division, jobs)) == [
        f"digits_mlp adam: 2 runs as 1 fused group; 1 single: budget.seconds is set; 1 single: {ALONE}",
        "digits_mlp sgd: 2 runs as 1 fused group",
    ]


def test_never_groups_nothing_and_gives_no_reasons(make):
    jobs = make(["seed=0"], ["seed=1"], ["budget.seconds=3"])
    division = Grouping(Fusing("never", at_once=4)).divide(jobs)
    assert names(division.groups) == ["0", "1", "2"]
    assert not division.reasons
    assert not list(describe(division, jobs))


@pytest.mark.parametrize(("at_once", "sizes"), [(1, [6]), (2, [3, 3]), (3, [2, 2, 2]), (8, [2, 2, 2])])
def test_a_group_is_divided_among_the_groups_that_run_at_the_same_time(make, at_once, sizes):
    jobs = make(*([f"seed={seed}"] for seed in range(6)))
    assert [len(group) for group in Grouping(Fusing("auto", at_once)).divide(jobs).groups] == sizes


def test_several_structures_share_what_runs_at_the_same_time(make):
    jobs = make(*([f"optimizer={name}", f"seed={seed}"] for name in ("adam", "sgd") for seed in range(4)))
    assert [len(group) for group in Grouping(Fusing("auto", 2)).divide(jobs).groups] == [4, 4]


def test_no_group_is_larger_than_the_launcher_allows(make):
    jobs = make(*([f"seed={seed}"] for seed in range(7)))
    assert [len(group) for group in Grouping(Fusing("auto", 1, largest=3)).divide(jobs).groups] == [2, 2, 3]


def test_limited_runs_form_smaller_groups_and_are_not_grouped_with_others(make):
    jobs, grouping = make(*([f"seed={seed}"] for seed in range(8))), Grouping(Fusing("auto", 1))
    grouping.limit(jobs[:4], 2, "out of memory")
    assert names(grouping.divide(jobs).groups) == ["0 1", "2 3", "4 5 6 7"]
    grouping.limit(jobs[:1], 1, "single runs are faster")
    assert grouping.divide(jobs).reasons["0"] == "single runs are faster"


def test_a_decision_against_a_group_holds_for_as_many_further_runs_of_the_same_structure_and_budget(make):
    jobs, grouping = make(*([f"seed={seed}"] for seed in range(7)), *LONGER), Grouping(Fusing("auto", 1))
    grouping.limit(jobs[:3], 1, "single runs are faster", declined=True)
    assert names(grouping.divide(jobs[3:6]).groups) == ["3", "4", "5"]
    assert names(grouping.divide(jobs[3:7]).groups) == ["3 4 5 6"]
    assert names(grouping.divide(jobs[7:]).groups) == ["7 8"]
    grouping.limit(jobs[:3], 2, "out of memory", declined=True)
    assert names(grouping.divide(jobs[3:7]).groups) == ["3 4", "5 6"]


def test_the_loss_of_a_group_limits_its_own_runs_only(make):
    jobs, grouping = make(*([f"seed={seed}"] for seed in range(4))), Grouping(Fusing("auto", 1))
    grouping.limit(jobs[:2], 1, "killed by SIGKILL")
    assert names(grouping.divide(jobs).groups) == ["0", "1", "2 3"]


def of_seeds(make, counts):
    """Return jobs with `counts[i]` learning rates for each data_seed i, in the order of a sweep over seeds and rates."""
    rates = range(max(counts))
    return make(*([f"data_seed={s}", f"optimizer.lr={0.1 + r}"] for r in rates for s, n in enumerate(counts) if r < n))


@pytest.mark.parametrize(
    ("counts", "pieces", "expected"),
    [
        ([4, 4], 2, [{0: 4}, {1: 4}]),  # exactly at the change
        ([5, 4], 2, [{0: 5}, {1: 4}]),
        ([2, 6], 2, [{0: 2, 1: 2}, {1: 4}]),  # 6 would be more than 1.25 times the mean
        ([3, 3, 3], 2, [{0: 3, 1: 1}, {1: 2, 2: 3}]),
        ([8], 3, [{0: 2}, {0: 3}, {0: 3}]),
    ],
)
def test_runs_of_one_data_seed_stay_together_if_groups_are_balanced(make, counts, pieces, expected):
    groups = cut(of_seeds(make, counts), pieces, largest=100)
    assert [Counter(job.core.data_seed for job in group) for group in groups] == expected
