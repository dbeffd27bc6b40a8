"""The panel of the differences of each seed."""

from __future__ import annotations

import pytest

TITLE = "Differences in test accuracy, seed by seed"


def write_pair(make_run, seeds=3):
    for seed in range(seeds):
        make_run("adam", seed=seed, summary={"test": {"accuracy": 0.9 + 0.01 * seed}})
        make_run("sgd", seed=seed, summary={"test": {"accuracy": 0.8 - 0.01 * seed}})


def test_each_seed_has_its_difference_and_the_mean_its_interval(make_run, draw):
    write_pair(make_run)
    mean, circles = draw()[TITLE].traces
    assert circles["x"] == pytest.approx([0.1, 0.12, 0.14])
    assert circles["text"][1] == "seed 1: 0.12 (adam 0.91, sgd 0.79)"
    assert mean["x"] == pytest.approx([0.12])
    assert mean["error_x"]["array"][0] == pytest.approx(4.3027 * 0.02 / 3**0.5, rel=1e-3)  # t of 2 degrees of freedom


def test_the_margin_and_the_name_of_each_pair_are_shown(make_run, draw):
    write_pair(make_run)
    layout = draw()[TITLE].layout
    box = layout["shapes"][0]
    assert box["x1"] == -box["x0"] == pytest.approx(0.005)  # half of the standard deviation over seeds
    assert [note["text"] for note in layout["annotations"]] == ["adam compared with sgd"]


def test_a_lower_loss_is_a_positive_difference(make_run, draw):
    loss = {"monitor": "loss", "mode": "min"}
    for seed in range(2):
        make_run("adam", seed=seed, config={"task": loss}, summary={**loss, "test": {"loss": 0.1 + seed}})
        make_run("sgd", seed=seed, config={"task": loss}, summary={**loss, "test": {"loss": 0.4 + seed}})
    _, circles = draw()["Differences in test loss, seed by seed"].traces
    assert circles["x"] == pytest.approx([0.3, 0.3])


def test_one_seed_has_no_panel(make_run, draw):
    write_pair(make_run, seeds=1)
    assert TITLE not in draw()
