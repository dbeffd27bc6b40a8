"""Quantities of pairs of runs: which runs are compared, and the numbers of runs with known weights."""

from __future__ import annotations

import json
import math

import pytest
import torch
from support.study_runs import ended_run

from descentlab.errors import UsageError
from descentlab.store.record import ANALYSES, CHECKPOINT, Record
from descentlab.studies.measuring import ends
from descentlab.studies.measuring.measure import measure
from descentlab.studies.runs import Ended, StudyRun
from descentlab.training.finished import load_finished

KEPT = ("budget.epochs=null", "budget.steps=10", "validate_every=10", "checkpoint.keep=true", "model.hidden=[4]")
PAIR = {"kind": "end_distance", "pairs": [["a", "b"]]}


@pytest.fixture
def run(tmp_path):
    return lambda arm, **settings: ended_run(tmp_path, arm, curves={"train/loss": [1.0]}, **settings)


@pytest.fixture
def by_name(monkeypatch):
    """Replace the distance of the folders a-0-I and b-0-J by 100 I + J."""

    def distance(first, second):
        return 100.0 * int(first.name[-1]) + int(second.name[-1])

    monkeypatch.setattr(ends, "_distance", distance)


@pytest.mark.usefixtures("by_name")
def test_runs_with_the_same_seed_and_x_are_compared(run):
    runs = [run("a", over={"lr": 1.0}), run("a", over={"lr": 2.0}), run("a", over={"lr": 1.0}, seed=1)]
    runs += [run("b", over={"lr": 2.0}), run("b", over={"lr": 1.0}), run("b", over={"lr": 3.0}, seed=1)]
    assert measure(PAIR, runs).rows() == [("a", 1.0, 0, 4.0), ("a", 2.0, 0, 103.0)]


@pytest.mark.usefixtures("by_name")
def test_the_values_of_a_pair_belong_to_its_first_arm(run):
    runs = [run("a"), run("b"), run("c")]
    found = measure({**PAIR, "pairs": [["a", "b"], ["c", "a"]]}, runs)
    assert found.rows() == [("a", None, 0, 1.0), ("c", None, 0, 200.0)]


@pytest.mark.usefixtures("by_name")
def test_a_pair_with_a_run_that_diverged_is_infinite(run):
    found = measure(PAIR, [run("a"), run("b", diverged=10), run("a", seed=1), run("b", seed=1)])
    assert found["value"].to_list() == [math.inf, 203.0]


@pytest.mark.parametrize("pairs", [[["a", "d"]], [["a"]], ["ab"], [["a", "b", "a"]]])
def test_pairs_are_two_arms_of_the_study(run, pairs):
    with pytest.raises(UsageError, match="two of the arms a, b"):
        measure({**PAIR, "pairs": pairs}, [run("a"), run("b")])


def test_the_numbers_are_those_of_the_kept_weights(train):
    arms = {"a": "optimizer.lr=0.1", "b": "optimizer.lr=0.2"}
    trained = {arm: train(*KEPT, "optimizer=sgd", word) for arm, word in arms.items()}
    for each in trained.values():
        each.record.write(each.folder)
    ended = [Ended(StudyRun(arm, {}, {}, 0, "report"), Record.read(each.folder)) for arm, each in trained.items()]
    first, second = (torch.load(each.folder / CHECKPOINT, weights_only=True)["weights"] for each in trained.values())
    apart, way = (
        torch.cat([(first[name] - other[name]).flatten() for name in first]).norm() for other in (second, initial(ended))
    )
    (distance,) = measure(PAIR, ended)["value"].to_list()
    assert distance == pytest.approx(float(apart / way), rel=1e-4)
    barrier = {"kind": "barrier", "pairs": [["a", "b"]], "points": 3}
    for split in ("train", "test"):
        (height,) = measure({**barrier, "split": split}, ended)["value"].to_list()
        (path,) = (trained["a"].folder / ANALYSES).iterdir()
        line = json.loads(path.read_text())
        losses = line["metrics"]["loss"]
        assert (line["split"], len(losses)) == (split, 3)
        assert height == pytest.approx(max(losses) - (losses[0] + losses[-1]) / 2)
    with pytest.raises(UsageError, match="heights"):
        measure({**barrier, "heights": 3}, ended)


def initial(ended):
    """Return the weights from which the first run started."""
    return load_finished(ended[0].record.folder).initial
