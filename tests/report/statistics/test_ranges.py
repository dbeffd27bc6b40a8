"""The ranges of metrics."""

from __future__ import annotations

import pydoc
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from descentlab.report.statistics.ranges import BOUNDS, FRACTION, POSITIVE, UNBOUNDED, Bounds, bounds_of
from descentlab.tasks.metrics.binary import METRICS
from descentlab.tasks.metrics.undefined import computed

ROOT = Path(__file__).parents[3]
ATTRIBUTES = SimpleNamespace(  # of the tasks
    names=tuple(METRICS), num_classes=3, unit="character", peak=1.0, noise=1.0, target_scale=1.0
)


def metrics_of(node: dict[str, Any]) -> set[str]:
    """Return the names of the metrics that a task computes, which it has on an empty split too."""
    metrics = pydoc.locate(node["_target_"]).make_metrics(ATTRIBUTES)
    if "verification" in metrics:  # which computes nothing without a pair of images
        metrics["verification"].update(torch.ones(2, 2), torch.zeros(2))
    return {name for key, metric in metrics.items() for name in computed(key, metric)[0]}


@pytest.mark.parametrize("file", sorted((ROOT / "conf" / "task").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_metric_of_every_task_has_a_range(file):
    node = yaml.safe_load(file.read_text())
    names = {node.get("monitor", "loss"), "loss"} | (metrics_of(node) if "_target_" in node else set())
    assert [name for name in names if name not in BOUNDS and bounds_of(name) == UNBOUNDED] == []


def test_every_metric_that_a_problem_expects_has_a_range():
    texts = [file.read_text() for file in (ROOT / "conf" / "problem").glob("*.yaml")]
    names = {name for text in texts for name in re.findall(r"test (\w+) [<>]=", text)}
    assert len(names) > 5
    assert [name for name in names if name not in BOUNDS and bounds_of(name) == UNBOUNDED] == []


@pytest.mark.parametrize(
    ("metric", "bounds"),
    [
        ("test/accuracy", FRACTION),
        ("valid/ndcg_at_10", FRACTION),
        ("ndcg_at_100", FRACTION),
        ("train/loss", POSITIVE),
        ("my_loss", POSITIVE),
        ("train_seconds", POSITIVE),
        ("grad_norm", POSITIVE),
        ("perplexity", Bounds(1.0, None)),
        ("r2", Bounds(None, 1.0)),
        ("psnr", UNBOUNDED),
        ("reward", UNBOUNDED),
        ("accuracy_gain", UNBOUNDED),
    ],
)
def test_a_name_fixes_the_range(metric, bounds):
    assert bounds_of(metric) == bounds


def test_a_violated_bound_is_ignored_and_the_other_kept():
    assert FRACTION.without_violated([-0.1, 0.5]) == Bounds(None, 1.0)
    assert FRACTION.without_violated([0.0, 1.0]) == FRACTION
    assert POSITIVE.without_violated([-0.25, 3.0]) == UNBOUNDED
