"""Panels of what full probes measure: sharpness, over- and under-stepping, noise scale."""

from __future__ import annotations

import pytest

from descentlab.report.run_page import render_run

SHARPNESS, ALPHA, NOISE = (
    "Sharpness (largest eigenvalue of the Hessian)",
    "Over- and under-stepping (alpha)",
    "Gradient noise scale",
)


def rows(**columns):
    """Return a row every 10 steps; each column is a list of values, or a number."""
    steps = len(next(value for value in columns.values() if isinstance(value, list)))
    axes = [
        {"step": 10 * i, "examples": 320 * i, "gradient_evaluations": 10 * i, "train_seconds": i / 10} for i in range(steps)
    ]
    return [
        row | {f"train/{name}": value[i] if isinstance(value, list) else value for name, value in columns.items()}
        for i, row in enumerate(axes)
    ]


def test_the_sharpness_has_a_thin_line_of_two_divided_by_the_rate(make_run, draw):
    for seed in range(2):
        make_run(seed=seed, curves=rows(loss=1.0, lr=[0.1, 0.2, 0.4], hessian_max=[5.0, None, 6.0]))
    figure = draw()[SHARPNESS]
    mean, threshold = figure.curves
    assert mean.rows["y"].to_list() == [5.0, 6.0]
    assert threshold.run == "2 / learning rate"
    assert threshold.rows["step"].to_list() == [0, 20]
    assert threshold.rows["y"].to_list() == pytest.approx([20.0, 5.0])


def test_the_sharpness_is_on_the_page_of_a_run_once(make_run):
    text = render_run(make_run(curves=rows(loss=1.0, lr=0.1, hessian_max=[5.0, 6.0])))
    assert text.count(f"<h3>{SHARPNESS}</h3>") == 1
    assert "<h3>train/hessian_max</h3>" not in text


def test_of_two_columns_of_the_sharpness_one_is_drawn(make_run, draw):
    make_run(curves=rows(loss=1.0, lr=0.1, hessian_max=[5.0, 6.0], sharpness=[7.0, 8.0]))
    assert draw()[SHARPNESS].column == "train/sharpness"


def test_stability_and_negative_eigenvalues_have_panels(make_run, draw):
    make_run(curves=rows(loss=1.0, stability_ratio=[0.5, 1.1], hessian_negative=[0.4, 0.0]))
    found = draw()
    assert found["Stability ratio"].levels == [(1.0, "unstable above")]
    assert found["Negative eigenvalues of the Hessian"].curves[0].rows["y"].to_list() == [0.4, 0.0]


def test_alphas_of_all_seeds_are_counted_and_far_ones_are_in_the_outermost_bars(make_run, draw):
    make_run(seed=0, curves=rows(loss=1.0, alpha=[-0.95, -0.95, 50.0, None]))
    make_run(seed=1, curves=rows(loss=1.0, alpha=[0.05]))
    (trace,) = draw()[ALPHA].traces
    filled = {round(x, 2): y for x, y in zip(trace["x"], trace["y"], strict=True) if y}
    assert filled == pytest.approx({-0.95: 0.5, 0.05: 0.25, 1.95: 0.25})
    assert sum(trace["y"]) == pytest.approx(1)


def test_the_noise_scale_is_compared_with_the_batch_size(make_run, draw):
    make_run(curves=rows(loss=1.0, noise_scale=[10.0, 100.0]), config={"batch_size": 32})
    assert draw()[NOISE].levels == [(32.0, "batch size 32")]


def test_runs_without_these_probes_have_no_such_panels(make_run, draw):
    make_run()
    assert not {SHARPNESS, ALPHA, NOISE} & set(draw())
