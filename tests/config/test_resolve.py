"""Validation before launch, the identity of runs, and the names of their folders."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT, compose_config, every_optimizer, options

from descentlab.config.constraints import Choice, Each, Number
from descentlab.config.identity import run_id
from descentlab.config.ranges import ALLOWED
from descentlab.config.shape import NONE
from descentlab.config.signatures import ranges
from descentlab.sweeps.plan import MAX_NAME, plan_jobs


@pytest.mark.parametrize(
    ("allowed", "inside", "outside"),
    [
        (Number(0, 1, open_high=True), [0, 0.5], [1, -0.1, None, "0.5", True, float("nan")]),
        (Number(0, open_low=True, optional=True), [1e-9, None], [0, float("-inf")]),
        (Number(1, integer=True), [1, 7], [1.5, 0]),
        (Choice((True, False)), [True], [1, "true", None]),
        (Each(Number(0, 1), 2), [[0, 1]], [[0], [0, 2], 0.5]),
        (ALLOWED["batch_size"], [1, "full"], [0, "half", 2.5]),
    ],
)
def test_constraints_contain_valid_values_only(allowed, inside, outside):
    assert all(value in allowed for value in inside)
    assert not any(value in allowed for value in outside)


def test_all_mistakes_are_listed_at_once():
    _, _, mistakes = compose_config("optimizer.lr=-1", "seed=-2", "data_seed=0", "model.dropout=1.0")
    assert [message.split("=")[0] for message in mistakes] == ["seed", "optimizer.lr", "model.dropout"]


def test_each_key_of_a_schedule_file_has_a_range():
    for option in options("schedule"):
        schedule = compose_config(f"schedule={option}")[0]["schedule"]
        unchecked = {key for key in schedule if not key.startswith("_")} - set(ranges(schedule["_target_"]))
        assert not unchecked, (option, unchecked)


def identity(*overrides):
    return run_id(compose_config(*overrides)[0])


@pytest.mark.parametrize("override", ["sweep=other", "workers=1", "output_dir=/x", "data_dir=/y", "logger=none", "rerun=true"])
def test_keys_without_effect_on_the_result_do_not_change_the_id(override):
    assert identity(override) == identity()
    assert identity("problem=fashion_mnist_mlp", override) == identity("problem=fashion_mnist_mlp")


@pytest.mark.parametrize("override", ["seed=1", "optimizer.lr=0.1", "batch_size=16", "budget.epochs=3", "model.dropout=0.1"])
def test_keys_with_effect_on_the_result_change_the_id(override):
    assert identity(override) != identity()


def test_equal_numbers_have_the_same_id():
    assert identity("optimizer.lr=1") == identity("optimizer.lr=1.0")


def jobs(*lines):
    composed = [compose_config(*line) for line in lines]
    return plan_jobs([config for config, _, _ in composed], [choices for _, choices, _ in composed], lines)


def test_folders_are_named_after_the_differing_overrides():
    first, second = jobs(["optimizer=adam", "seed=1", "budget.epochs=2"], ["optimizer=sgd", "seed=1", "budget.epochs=2"])
    assert first.name == f"adam-{first.id}"
    assert second.name == f"sgd-{second.id}"
    assert first.folder.parent == second.folder.parent
    assert first.sweep.startswith("digits_mlp-")


def test_folder_names_are_short_and_distinct():
    long = "schedule.milestones=[" + ",".join(["0.123456"] * 20) + "]"
    one, two = jobs(["schedule=multistep", long, "seed=1"], ["schedule=multistep", long.replace("0.123456]", "0.5]"), "seed=1"])
    assert one.name != two.name
    assert max(len(one.name), len(two.name)) <= MAX_NAME


def test_the_same_run_twice_is_one_job():
    assert len(jobs(["optimizer=adam"], ["optimizer=adam", "optimizer.lr=0.001"])) == 1


def test_the_top_level_has_the_documented_keys():
    """The command line is an interface: this list changes only on purpose."""
    config, _, _ = compose_config()
    assert sorted(config) == [
        "alerts", "auxiliary", "average", "baseline", "batch_size", "branch", "budget", "callbacks", "checkpoint", "clip",
        "compile", "data", "data_dir", "data_seed", "decay", "decay_schedule", "deterministic", "diagnostics", "engine",
        "groups", "half_life", "heartbeat", "jobs_per_gpu", "log_every", "logger", "lr_decay", "microbatch", "model",
        "momentum_schedule", "needs", "noise", "on_error", "optimizer", "orthogonal_gradient", "output_dir", "project",
        "records", "report", "rerun", "retries", "retry_after", "schedule", "search", "seed", "start_from", "stop", "sweep",
        "target", "task",
        "threads", "timeout", "trainer", "validate_every", "workers",
    ]  # fmt: skip


@pytest.mark.parametrize("node", ["clip", "decay", "average", "needs", "groups"])
def test_null_equals_the_default_of_an_unused_node(node):
    assert NONE[node] == compose_config("optimizer=custom", "optimizer._target_=x.Y")[0][node]


def test_a_part_of_a_problem_can_be_overridden_alone():
    config, choices, mistakes = compose_config("problem=digits_mlp", "model=cnn_2c2d")
    assert not mistakes
    assert choices["model"] == "cnn_2c2d"
    assert config["model"]["image_shape"] == [1, 8, 8]


def test_help_shows_every_option_of_every_group():
    answer = subprocess.run([sys.executable, str(ROOT / "train.py"), "--help"], capture_output=True, text=True, check=True)
    for group in (folder.name for folder in (ROOT / "conf").iterdir() if folder.is_dir() and folder.name != "hydra"):
        expected = [*every_optimizer(), "custom"] if group == "optimizer" else options(group)
        assert f"{group}: {', '.join(sorted(expected))}" in " ".join(answer.stdout.split())
    assert "$" not in answer.stdout


def test_a_run_on_other_data_has_another_problem_name():
    assert compose_config("problem=digits_mlp")[1]["problem"] == "digits_mlp"
    _, choices, mistakes = compose_config("data=csv", "data.path=/nowhere.csv", "data.target=y", "task=regression")
    assert choices["problem"] == "nowhere.csv"
    assert compose_config("problem=digits_mlp", "data=digits_unit")[0]["target"] is None, "it was chosen for other data"
    assert compose_config("problem=digits_mlp", "data=digits_unit", "target=0.5")[0]["target"] == 0.5
    assert mistakes == ["data.path=/nowhere.csv: no such file"]
