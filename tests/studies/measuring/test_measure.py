"""Quantities, measured on runs with known curves."""

from __future__ import annotations

import json
import math

import pytest
from conftest import ROOT
from support.study_runs import ended_run

from descentlab.errors import UsageError
from descentlab.store.record import LAYERS as LAYERS_FILE
from descentlab.studies.evaluate import quantity_text
from descentlab.studies.measuring.measure import measure
from descentlab.studies.measuring.number import number_of
from descentlab.studies.measuring.over import REDUCERS
from descentlab.studies.measuring.several import KINDS

LOSSES = [4.0, 3.0, 2.0, 5.0, 1.0, 1.5]  # at the steps 0, 10, ..., 50
ACCURACIES = [0.1, None, None, 0.3, None, None]  # at the steps 0 and 30
LAYERS = [(0, "blocks.0", 2.0), (0, "head", 8.0), (50, "blocks.0", 1.0), (50, "head", 4.0)]  # step, layer, norm of the gradient


@pytest.fixture
def run(tmp_path):
    return lambda **settings: ended_run(
        tmp_path, **{"curves": {"train/loss": LOSSES, "valid/accuracy": ACCURACIES}, **settings}
    )


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("train/loss@start", 4.0),
        ("train/loss@end", 1.5),
        ("train/loss@min", 1.0),
        ("train/loss@max[0:30]", 4.0),
        ("train/loss@rise", 3.0),
        ({"of": "train/loss", "falls_to": 2.0}, 20.0),
        ({"of": "train/loss", "falls_to": 0.5}, None),
        ({"of": "train/loss", "falls_to": 2.0, "relative_to": "train/loss@start"}, 5.0),
        ({"of": "valid/loss", "falls_to": 2.0}, None),
        ({"of": "valid/accuracy", "when": "train/loss", "falls_to": 2.5}, 0.3),
        ({"of": "valid/accuracy", "when": "train/loss", "falls_to": 1.0}, None),
        ({"of": "valid/accuracy", "when": "train/loss", "falls_to": 0.5}, None),
        ({"of": "valid/error", "when": "train/loss", "falls_to": 2.5}, None),
        ("train/loss@mean[10:30]", 2.5),
        ("train/loss@median[0.5:1]", 1.5),
        ("train/loss@max[40:]", 1.5),
        ("train/loss@end[:20]", 3.0),
        ("valid/loss@end", None),
        ("train/loss@end[60:]", None),
        ("train/loss@std[0:20]", 0.5**0.5),
        ("baseline/test/accuracy", 0.8),
        ("test", None),
        ("baseline/name", None),
        ("steps_to_target", 7.0),
        ("test/accuracy", 0.9),
        ("test/loss", None),
        ("examples", None),
    ],
)
def test_a_text_is_a_statistic_of_a_column_or_a_number_of_the_summary(run, quantity, value):
    baseline = {"name": "majority", "test": {"accuracy": 0.8}}
    record = run(steps_to_target=7, test={"accuracy": 0.9}, baseline=baseline).record
    assert number_of(quantity, record) == (value if value is None else pytest.approx(value))


def test_numbers_of_a_run_that_diverged_are_infinite_except_before_the_divergence(run):
    record = run(diverged=35).record
    assert number_of("train/loss@end", record) == math.inf
    assert number_of("train/loss@start", record) == 4.0
    assert number_of("train/loss@max[0:30]", record) == 4.0
    assert number_of("train/loss@max[0:40]", record) == math.inf


def test_a_number_may_be_multiplied_by_a_formula_of_the_config(run):
    record = run(config={"optimizer": {"lr": 0.5}}).record
    assert number_of({"of": "train/loss@start", "times": "optimizer.lr / 2"}, record) == 1.0


def test_a_number_may_be_compared_with_another_one_of_the_run(run):
    record = run(test={"accuracy": 0.9}, baseline={"test": {"accuracy": 0.6}}).record
    both = {"of": "test/accuracy", "minus": "baseline/test/accuracy"}
    assert number_of(both, record) == pytest.approx(0.3)
    assert number_of({**both, "relative_to": "train/loss@end"}, record) == pytest.approx(0.2)
    assert number_of({**both, "minus": "baseline/test/loss"}, record) is None
    assert number_of({"of": "train/loss@start", "relative_to": "train/loss@end"}, record) == pytest.approx(4.0 / 1.5)


def test_a_quantity_of_a_layer_is_read_by_the_name_of_the_layer(run):
    record = run().record
    rows = [{"step": step, "layer": layer, "grad_norm": value} for step, layer, value in LAYERS]
    (record.folder / "layers.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert number_of("layers/blocks.0/grad_norm@start", record) == 2.0
    assert number_of("layers/head/grad_norm@max", record) == 8.0
    assert number_of("layers/head/weight_norm@max", record) is None
    assert number_of({"of": "layers/blocks.0/grad_norm@end", "relative_to": "layers/head/grad_norm@end"}, record) == 0.25


def test_only_runs_that_report_are_measured(run):
    frame = measure("train/loss@end", [run(seed=1), run(seed=2, role="select")])
    assert frame.rows() == [("a", None, 1, 1.5)]


def test_x_is_the_number_of_the_first_swept_key_or_the_position_of_its_text(run):
    numbers = [run(over={"batch_size": 8, "seed": 1}), run(over={"batch_size": 32})]
    assert measure("train/loss@end", numbers)["x"].to_list() == [8.0, 32.0]
    texts = [run(over={"optimizer": "sgd"}), run(over={"optimizer": "adam"})]
    assert measure("train/loss@end", texts)["x"].to_list() == [0.0, 1.0]


def test_a_reducer_gives_one_number_for_each_arm_and_seed(run):
    rates = {0.1: 1.0, 0.2: 3.0, 0.4: 2.0, 0.8: 9.0}
    runs = [
        run(over={"optimizer.lr": rate}, seed=seed, curves={"train/loss": [10.0, loss + seed]})
        for rate, loss in rates.items()
        for seed in (0, 1)
    ]
    found = measure({"of": "train/loss@end", "reduce": "largest_passing", "below": 2.5}, runs)
    assert found.rows() == [("a", None, 0, 0.4), ("a", None, 1, 0.1)]
    best = measure({"of": "train/loss@end", "reduce": "best"}, runs)
    assert best["value"].to_list() == [0.1, 0.1]


def test_the_geometric_mean_over_x_gives_each_problem_the_same_weight(run):
    runs = [
        run(over={"problem": name}, curves={"train/loss": [loss]}) for name, loss in (("a", 0.01), ("b", 100.0), ("c", 8.0))
    ]
    found = measure({"of": "train/loss@end", "reduce": "geometric_mean"}, runs)
    assert found["value"].to_list() == pytest.approx([2.0])
    diverged = run(over={"problem": "d"}, diverged=10)
    assert measure({"of": "train/loss@end", "reduce": "geometric_mean"}, [*runs, diverged])["value"].to_list() == [math.inf]
    zero = run(over={"problem": "d"}, curves={"train/loss": [0.0]})
    with pytest.raises(UsageError, match="needs positive values"):
        measure({"of": "train/loss@end", "reduce": "geometric_mean"}, [*runs, zero])


def test_a_run_that_diverged_never_passes(run):
    runs = [run(over={"lr": 1.0}), run(over={"lr": 2.0}, diverged=10)]
    found = measure({"of": "train/loss@end", "reduce": "largest_passing", "below": 1e9}, runs)
    assert found["value"].to_list() == [1.0]


def test_the_selected_value_of_a_key_is_that_of_the_point(run):
    runs = [run(point={"optimizer.lr": 0.3}, seed=5)]
    assert measure({"kind": "selected", "key": "optimizer.lr"}, runs).rows() == [("a", None, 5, 0.3)]


def test_the_distance_of_two_arms_is_the_largest_relative_difference_of_their_curves(run):
    runs = [run(), run(arm="b", curves={"train/loss": [4.0, 3.0, 2.5, 5.0, 1.0, 3.0]}), run(arm="b", seed=1)]
    assert measure({"kind": "distance", "arms": ["a", "b"]}, runs).rows() == [("a", None, 0, 0.5)]
    early = measure({"kind": "distance", "arms": ["a", "b"], "until": 20}, runs)
    assert early["value"].to_list() == [0.2]


def test_a_paired_difference_compares_two_arms_at_each_x_and_seed(run):
    def at(arm, lr, seed, loss, **settings):
        return run(arm=arm, over={"optimizer.lr": lr}, seed=seed, test={"loss": loss}, **settings)

    first = [at("a", 0.1, 0, 3.0), at("a", 0.1, 1, 5.0), at("a", 0.2, 0, 7.0), at("a", 0.2, 1, 1.0)]
    second = [at("b", 0.2, 0, 1.0), at("b", 0.1, 1, 1.0), at("b", 0.1, 0, 1.0), at("b", 0.2, 2, 1.0)]
    quantity = {"kind": "paired_difference", "of": "test/loss", "arms": ["a", "b"]}
    assert measure(quantity, [*first, *second]).rows() == [("a", 0.1, 0, 2.0), ("a", 0.1, 1, 4.0), ("a", 0.2, 0, 6.0)]
    ends = {**quantity, "of": "train/loss@end"}
    assert measure(ends, [first[0], at("b", 0.1, 0, 1.0, diverged=20)]).rows() == [("a", 0.1, 0, None)]


def test_the_slope_of_crossings_is_the_exponent_of_their_steps(run):
    columns = {"a": 1, "b": 2, "c": 4}
    falling = {name: [1.0] * steps + [0.0] * (9 - steps) for name, steps in zip(columns, (2, 4, 8), strict=True)}
    slope = {"kind": "crossing_slope", "columns": columns, "threshold": 0.5}
    assert measure(slope, [run(curves=falling)])["value"].to_list() == pytest.approx([1.0])
    assert measure(slope, [run(curves={**falling, "c": [1.0] * 9})])["value"].to_list() == [None]
    assert measure(slope, [run(curves={"a": [1.0, 0.0]})])["value"].to_list() == [None]


def test_the_ratio_of_layers_is_that_of_the_first_measurement(run):
    measured = run(over={"optimizer.lr": 0.1})
    rows = [(0, "first", 1.0), (0, "second", None), (0, "third", 4.0), (10, "first", 9.0), (10, "third", 1.0)]
    text = "".join(json.dumps({"step": step, "layer": layer, "std": std}) + "\n" for step, layer, std in rows)
    (measured.record.folder / LAYERS_FILE).write_text(text)
    ratio = {"of": "layers/first/std@start", "relative_to": "layers/third/std@start"}
    assert measure(ratio, [measured]).rows() == [("a", 0.1, 0, 0.25)]
    assert measure({**ratio, "of": "layers/first/grad_norm@start"}, [measured])["value"].to_list() == [None]
    assert measure({**ratio, "relative_to": "layers/fourth/std@start"}, [measured])["value"].to_list() == [None]


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        ("train/loss@ende", "no statistic ende.*end"),
        ("train/loss@", "write COLUMN@STATISTIC"),
        ({"of": "train/loss@end", "reduce": "bset"}, "no reduce bset.*best"),
        ({"of": "train/loss@end", "relative": "train/loss@start"}, "unknown key relative.*relative_to"),
        ({"kind": "selectd"}, "no kind selectd.*selected"),
        ({"of": "train/loss@end", "reduce": "best", "above": 1}, "above"),
        ({"of": "train/loss", "when": "valid/loss"}, "when belongs to falls_to"),
        (7, "write a column"),
    ],
)
def test_a_mistake_in_a_quantity_is_reported(run, quantity, message):
    with pytest.raises(UsageError, match=message):
        measure(quantity, [run(over={"lr": 1.0})])


def test_the_rate_of_decay_of_a_column_is_that_of_each_run(run):
    falling = {"curves": {"train/loss": [math.exp(-0.03 * step) for step in (0, 10, 20)]}}
    runs = [run(over={"noise.std": 2.0}, **falling), run(over={"noise.std": 4.0}, diverged=10, **falling)]
    found = measure({"kind": "decay_rate", "of": "train/loss"}, runs)
    assert found["x"].to_list() == [2.0, 4.0]
    assert found["value"].to_list() == [pytest.approx(0.03), math.inf]
    assert measure({"kind": "decay_rate", "of": "valid/loss"}, runs[:1])["value"].to_list() == [None]


def test_a_reduced_quantity_is_that_of_the_arms_of_the_check(run):
    runs = [run(over={"lr": 1.0}), run(over={"lr": 2.0}), run(arm="without x")]
    assert measure({"of": "train/loss@end", "reduce": "lowest"}, runs, ["a"]).rows() == [("a", None, 0, 1.5)]


def test_the_steps_to_reach_another_arm_are_those_until_its_last_value(run):
    slow = {"valid/loss": [4.0, None, 3.0, None, 2.0]}
    runs = [run(arm="fast", curves={"valid/loss": [4.0, None, 2.5, 1.9, 1.0]}), run(arm="slow", curves=slow)]
    runs += [run(arm="fast", seed=1, curves={"valid/loss": [4.0, 3.0, 2.1]}), run(arm="slow", seed=1, curves=slow)]
    steps = {"kind": "steps_to_reach", "arms": ["fast", "slow"]}
    found = measure(steps, [*runs, run(arm="fast", seed=2)])  # 2.5 at the step 20 and 1.9 at 30: 2.0 between them
    assert found["arm"].to_list() == ["fast", "fast"]
    assert found["value"].to_list() == [pytest.approx(20 + 10 * 5 / 6), None]
    assert measure({**steps, "relative": True}, runs)["value"].to_list() == [pytest.approx((20 + 10 * 5 / 6) / 40), None]
    diverged = [run(arm="fast", curves=slow), run(arm="slow", curves=slow, diverged=40)]
    assert measure(steps, diverged)["value"].to_list() == [None]


def test_every_kind_and_reducer_is_documented():
    kinds, reducers = ((ROOT / "docs" / name).read_text("utf-8") for name in ("quantities.md", "studies.md"))
    assert [kind for kind in KINDS if f"{{kind: {kind}" not in kinds] == []
    assert [name for name in REDUCERS if f"`{name}`" not in reducers and f"reduce: {name}" not in reducers] == []


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        ({"kind": "rotation", "part": "lowest", "relative": True}, "rotation (part=lowest, relative=True)"),
        ({"kind": "best_value", "of": "test/loss", "key": "optimizer.lr"}, "best_value (key=optimizer.lr) of test/loss"),
        ({"kind": "distance", "arms": ["a", "b"]}, "distance"),
        ({"of": "train/loss@end", "reduce": "lowest"}, "lowest of train/loss@end"),
    ],
)
def test_quantities_that_differ_have_different_texts(quantity, text):
    assert quantity_text(quantity) == text
