"""Search spaces: the ranges that a config may contain, and the messages about others."""

from __future__ import annotations

import pytest
from conftest import compose_config

from descentlab.config.search import Choices, Interval, search_space

ALONE = "~search.lr"  # Hydra cannot replace a list by a mapping


def space_of(*overrides):
    config, _, mistakes = compose_config(*overrides)
    assert not mistakes
    return search_space(config)


def test_a_list_is_log_uniform_and_belongs_to_the_optimizer():
    assert space_of("optimizer=adam") == {"optimizer.lr": Interval(1e-5, 0.1)}


def test_keys_with_dots_and_nested_keys_belong_to_the_whole_config():
    expected = {"optimizer.lr": Interval(1e-5, 0.1), "clip.norm": Interval(0.1, 10)}
    assert space_of("+search.clip.norm=[0.1,10]") == expected
    assert space_of("+search.clip.norm={low: 0.1, high: 10}", "optimizer=adam") == expected


def test_every_form_of_a_range():
    found = space_of(
        "optimizer=momentum",
        "+search.momentum={low: 0.5, high: 0.99, scale: linear}",
        "+search.schedule.warmup={low: 1, high: 100, integer: true}",
        "+search.nesterov={choices: [true, false]}",
        "+search.batch_size={choices: [16, 32]}",
    )
    assert found["optimizer.momentum"] == Interval(0.5, 0.99, log=False)
    assert found["schedule.warmup"] == Interval(1, 100, integer=True)
    assert found["optimizer.nesterov"] == Choices((True, False))
    assert found["batch_size"] == Choices((16, 32))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (Interval(1e-4, 1.0), [1e-4, 1e-3, 0.01, 0.1, 1.0]),
        (Interval(0.5, 0.9, log=False), [0.5, 0.6, 0.7, 0.8, 0.9]),
        (Interval(-1, 1, log=False), [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (Interval(1, 5, log=False, integer=True), [1, 2, 3, 4, 5]),
        (Choices(("a", [1, 2], None)), ["a", "a", [1, 2], None, None]),
    ],
)
def test_values_are_spread_over_the_range(values, expected):
    found = [values.at(unit) for unit in (0, 0.25, 0.5, 0.75, 1)]
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_values_have_four_digits():
    assert Interval(1e-5, 0.1).at(1 / 3) == 0.0002154
    assert Interval(0.8, 0.99, log=False).at(1 / 3) == 0.86333


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search=5"], "search=5 is not allowed: it maps keys to ranges"),
        (["search.lr=5"], "search.lr=5 is not allowed: a range is [1.0e-5, 0.1] (log-uniform)"),
        (["search.lr=[1,2,3]"], "search.lr=[1, 2, 3] is not allowed: a range is"),
        (["search.lr=[1,1]"], "search.lr: its low end 1 is not below its high end 1"),
        (["search.lr=[a,1]"], "search.lr: a is not a finite number"),
        (["search.lr=[1,inf]"], "search.lr: inf is not a finite number"),
        (["search.lr=[true,2]"], "search.lr: true is not a finite number"),
        (["search.lr=[0,1]"], "search.lr: on a log scale both ends are positive, and 0 is not; scale: linear allows it"),
        ([ALONE, "+search.lr={low: 1}"], "a range is"),
        (
            [ALONE, "+search.lr={low: 1, high: 2, scale: cubic}"],
            "search.lr.scale=cubic is not allowed: it is one of linear",
        ),
        ([ALONE, "+search.lr={low: 1, high: 2, scael: log}"], "did you mean scale?"),
        ([ALONE, "+search.batch_size=[16,128]"], "integer: true gives whole numbers"),
        ([ALONE, "+search.lr={low: 1, high: 2, integer: 3}"], "search.lr.integer=3 is not allowed"),
        ([ALONE, "+search.lr={low: 1.5, high: 2, integer: true}"], "search.lr: 1.5 is not a whole number"),
        ([ALONE, "+search.lr={choices: []}"], "choices is a list of values"),
        ([ALONE, "+search.lr={choices: [1], low: 0}"], "choices is a list of values, and has no other keys"),
        (["+search.betta=[0.1,0.9]"], "search.betta: unknown key betta in optimizer; did you mean betas?"),
        (["+search.clip.nrom=[0.1,0.9]"], "did you mean norm?"),
        (["+search.optimizer.lr=[0.1,0.9]"], "optimizer.lr is given twice"),
        (
            ["+search.weight_decay={low: -1, high: 1, scale: linear}"],
            "-1 is not allowed: optimizer.weight_decay is",
        ),
        (["+search.average.kind={choices: [ema, mean]}"], "mean is not allowed: average.kind is one of none, ema, swa"),
        (["+search.threads={choices: [1, 2]}"], "threads is not a hyperparameter and cannot be tuned"),
        (["+search.data_seed=[1,2]"], "data_seed is not a hyperparameter"),
        (["+search.clip={choices: [1]}"], "search.clip: clip has parts; give the range of one of them, as clip.norm"),
        (["+search.batch_size=[0.5,64]"], "0.5 is not allowed: batch_size is"),
    ],
)
def test_an_invalid_range_is_reported(words, message):
    _, _, mistakes = compose_config(*words)
    assert any(message in mistake for mistake in mistakes), mistakes
