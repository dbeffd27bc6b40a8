"""A run with branch.step takes the batches of another data_seed from that step on, and its steps before are unchanged."""

from __future__ import annotations

import pytest
import torch
from conftest import compose_config

from descentlab.budget import Plan
from descentlab.config.identity import run_id
from descentlab.data.loading.loader import TrainLoader


def indices(seed, branch=None, steps=range(9)):
    loader = TrainLoader((torch.arange(12.0),), Plan(12, 4, 9, 3), seed)
    loader.branch = branch
    return [loader.indices(step).tolist() for step in steps]


@pytest.mark.parametrize("first", [0, 3, 4, 9])
def test_batches_are_those_of_the_other_seed_from_the_step_on(first):
    branch = {"step": first, "data_seed": 7}
    expected = [*indices(1)[:first], *indices(7)[first:]]
    assert indices(1, branch) == expected
    assert indices(1, branch, reversed(range(9))) == expected[::-1]


def test_children_share_the_steps_of_their_parent_and_then_differ(train):
    words = ("problem=digits_mlp", "optimizer=momentum", "budget.epochs=null", "budget.steps=8", "log_every=1")
    parent, *children = (
        train(
            *words,
            *(f"branch.{key}={value}" for key, value in zip(("step", "data_seed"), branch, strict=True)),
            f"sweep={name}",
        )
        for name, branch in {"p": ("null", "null"), "a": (5, 1), "b": (5, 2), "same": (5, 0)}.items()
    )
    losses = [run.column("train/loss") for run in (parent, *children)]
    assert losses[0][:5] == losses[1][:5] == losses[2][:5]
    assert len({each[5] for each in losses[:3]}) == 3
    assert losses[3] == losses[0]


def test_a_branch_is_part_of_the_id_and_needs_both_keys():
    plain, child = (run_id(compose_config(*words)[0]) for words in ((), ("branch.step=5", "branch.data_seed=1")))
    assert plain != child
    assert "belong together" in compose_config("branch.step=5")[2][0]
    assert "batch_size=full has none" in compose_config("branch.step=5", "branch.data_seed=1", "batch_size=full")[2][0]
