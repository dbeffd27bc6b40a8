"""Each rule has a file in conf/optimizer/scratch with all its hyperparameters and a search space of four decades."""

from __future__ import annotations

import inspect

import pytest
import yaml
from conftest import ROOT, compose_config
from hydra.utils import get_class, instantiate

from descentlab.optim import scratch

FILES = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf" / "optimizer" / "scratch").glob("*.yaml"))
}
OF_THE_SCHEDULE = "multiplier"  # set at each step by the schedule, not by a file


def test_every_rule_has_a_file():
    classes = {name for name, value in vars(scratch).items() if isinstance(value, type) and hasattr(value, "rule")}
    assert {content["optimizer"]["_target_"].rpartition(".")[2] for content in FILES.values()} == classes


@pytest.mark.parametrize("name", FILES)
def test_file_sets_all_hyperparameters_of_the_rule(name):
    node = FILES[name]["optimizer"]
    kind = get_class(node["_target_"])
    assert kind.rule.update.__module__ == f"descentlab.rules.{name}"
    assert set(node) - {"_target_", "_partial_"} == set(inspect.signature(kind).parameters) - {"params", OF_THE_SCHEDULE}


@pytest.mark.parametrize("name", FILES)
def test_search_space_is_four_decades_around_the_default(name):
    low, high = FILES[name]["search"]["lr"]
    assert high / low == pytest.approx(1e4)
    assert low * 10 <= FILES[name]["optimizer"]["lr"] <= high / 10


@pytest.mark.parametrize("name", FILES)
def test_file_builds_the_optimizer_of_the_rule(name):
    config, _, mistakes = compose_config(f"optimizer=scratch/{name}")
    assert not mistakes
    assert instantiate(config["optimizer"], _convert_="all").func is get_class(FILES[name]["optimizer"]["_target_"])
