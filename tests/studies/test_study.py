"""Files of studies: what they may contain, and the mistakes that are reported."""

from __future__ import annotations

import pytest

from descentlab.errors import UsageError
from descentlab.studies.study import read_study

NODE = {
    "source": "Someone, somewhere, figure 1",
    "claim": "Adam is faster than SGD.",
    "shows": "a curve",
    "shared": ["problem=digits_mlp"],
    "arms": {"adam": ["optimizer=adam"], "sgd": {"words": ["optimizer=sgd"], "grid": {"optimizer.lr": [1, 2]}}},
    "grid": {"optimizer.lr": [0.1, 0.2]},
    "checks": [{"check": "ordering", "quantity": "train/loss@end", "arms": ["adam", "sgd"]}],
}


def test_arms_have_the_grid_of_the_study_unless_they_have_one():
    study = read_study("paper/x", NODE)
    assert [(arm.name, arm.words, arm.grid) for arm in study.arms] == [
        ("adam", ["optimizer=adam"], {"optimizer.lr": [0.1, 0.2]}),
        ("sgd", ["optimizer=sgd"], {"optimizer.lr": [1, 2]}),
    ]
    assert study.select is None


def test_an_arm_with_a_table_has_neither_the_grid_nor_the_values_of_the_study():
    table = {"words": ["optimizer=sgd"], "table": {"optimizer.lr": "logspace(-2,0,16)"}}
    arm = read_study("x", {**NODE, "over": {"seed": [1, 2]}, "arms": {**NODE["arms"], "map": table}}).arms[-1]
    assert (arm.words, arm.grid, arm.over, arm.table) == (["optimizer=sgd"], {}, {}, {"optimizer.lr": "logspace(-2,0,16)"})


def test_seeds_that_select_differ_from_seeds_that_report():
    study = read_study("x", {**NODE, "seeds": {"report": 3, "select": 2}}, first_seed=2500)
    assert study.report_seeds == [2500, 2501, 2502]
    assert study.select_seeds == [2503, 2504]


def test_a_size_replaces_keys_of_the_file():
    node = {**NODE, "sizes": {"full": {"shared": ["problem=mnist_mlp"], "differs": "nothing"}}}
    assert read_study("x", node).shared == ["problem=digits_mlp"]
    full = read_study("x", node, "full")
    assert (full.shared, full.differs, full.size) == (["problem=mnist_mlp"], "nothing", "full")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chekcs": []}, "unknown key chekcs.*checks"),
        ({"claim": ""}, "claim is missing"),
        ({"arms": ["adam"]}, "arms maps names to overrides"),
        ({"arms": {"a": {"word": []}}}, r"arms\.a: unknown key word.*words"),
        ({"arms": {"a": [], "b": {"table": {"optimizer.lr": "1,2"}, "over": {}}}}, r"arms\.b: an arm with table has no over"),
        ({"arms": {"b": {"table": {"optimizer.lr": "1,2"}}}}, "every arm is a table: add an arm without table"),
        ({"seeds": {"reports": 3}}, "seeds: unknown key reports.*report"),
        ({"select": {"quantity": "train/loss@end", "gaol": "min"}}, "select: unknown key gaol.*goal"),
    ],
)
def test_a_mistake_in_a_file_is_reported_with_the_nearest_key(change, message):
    with pytest.raises(UsageError, match=message):
        read_study("x", {**NODE, **change})


def test_an_unknown_size_is_reported():
    with pytest.raises(UsageError, match="has no size=fulll: it has cpu, full"):
        read_study("x", {**NODE, "sizes": {"full": {}}}, "fulll")
