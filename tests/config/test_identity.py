"""The ids of runs do not change."""

from __future__ import annotations

import inspect
from pathlib import Path
from pydoc import locate
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT, compose_config

from descentlab.config import identity
from descentlab.config.build import build
from descentlab.config.identity import run_id
from descentlab.config.ranges import look_up
from descentlab.optim.recipe import Recipe
from descentlab.report.settings import series_key, settings_of
from descentlab.store.core import Core
from descentlab.store.later_keys import LATER_ARGUMENTS, LATER_KEYS, with_later_defaults, without_later_defaults

IDS: dict[str, str] = yaml.safe_load((Path(__file__).parent / "ids.yaml").read_text())


@pytest.mark.parametrize("words", IDS)
def test_a_run_keeps_its_id(words):
    assert run_id(compose_config(*words.split())[0]) == IDS[words]


def test_the_kernels_of_torchs_optimizers_do_not_change_the_id_nor_the_series():
    found = [compose_config(f"optimizer.fused={value}")[0] for value in ("auto", "null", "true", "false")]
    assert len({run_id(config) for config in found}) == 1
    runs = [SimpleNamespace(choices={"optimizer": "adam"}, config=config) for config in found]
    assert len({series_key(run) for run in runs}) == 1
    assert len({str(settings_of(run)) for run in runs}) == 1
    mine = [{**found[0], "optimizer": {"_target_": "mine.Adam", "fused": value}} for value in (True, False)]
    assert run_id(mine[0]) != run_id(mine[1])


def test_a_moved_class_keeps_its_id(monkeypatch):
    config = compose_config("problem=mslr_sample_ranker")[0]
    before = run_id(config)
    monkeypatch.setitem(identity.FIRST_NAMES, "descentlab.models.moved", config["model"]["_target_"].rpartition(".")[0])
    name = config["model"]["_target_"].rpartition(".")[2]
    assert run_id({**config, "model": {**config["model"], "_target_": f"descentlab.models.moved.{name}"}}) == before
    assert run_id({**config, "model": {**config["model"], "_target_": f"descentlab.models.other.{name}"}}) != before


def test_each_moved_module_exists():
    for module in identity.FIRST_NAMES:
        assert pytest.importorskip(module)


def test_later_keys_at_their_defaults_are_not_part_of_an_id():
    plain = run_id(compose_config()[0])
    for words in (
        "clip.adaptive=null",
        "noise.decay=0.55",
        "stop.window=100",
        "task.z_loss=0",
        "noise=null",
        "model.bias=true",
        "project=null",
        "orthogonal_gradient=null",
    ):
        assert run_id(compose_config(words)[0]) == plain
    for words in (
        "clip.adaptive=0.01",
        "noise.std=0.1",
        "stop.gap=2",
        "task.z_loss=1e-4",
        "project=[0,1]",
        "model.init=orthogonal",
        "model.bias=false",
    ):
        assert run_id(compose_config(words)[0]) != plain
    assert run_id(compose_config("problem=shakespeare_gpt", "model.norm=rms")[0]) != IDS["problem=shakespeare_gpt"]


def later_arguments():
    return [(target, key, default) for target, keys in LATER_ARGUMENTS.items() for key, default in keys.items()]


@pytest.mark.parametrize(("target", "key", "default"), later_arguments())
def test_later_arguments_have_the_defaults_of_their_class_and_of_its_file(target, key, default):
    assert inspect.signature(locate(target)).parameters[key].default == default
    files = [path for path in (ROOT / "conf").rglob("*.yaml") if f"_target_: {target}\n" in path.read_text()]
    assert files
    for path in files:
        loaded = yaml.safe_load(path.read_text())
        assert loaded.get("optimizer", loaded)[key] == default


@pytest.mark.parametrize("key", LATER_KEYS)
def test_later_keys_have_the_defaults_of_the_config(key):
    assert look_up(compose_config()[0], key) == (True, LATER_KEYS[key])


@pytest.mark.parametrize("words", ["problem=shakespeare_gpt", "problem=fashion_mnist_2c2d", "problem=digits_mlp clip.norm=1"])
def test_a_config_of_an_earlier_version_is_completed(words):
    config = compose_config(*words.split())[0]
    earlier = without_later_defaults(config)
    assert with_later_defaults(earlier) == config
    assert "noise" not in earlier
    assert "z_loss" not in earlier["task"]
    runs = [SimpleNamespace(choices={"optimizer": "adam"}, config=each) for each in (config, earlier)]
    assert len({series_key(run) for run in runs}) == 1
    assert settings_of(runs[0]) == settings_of(runs[1])
    Core.of(earlier)
    Recipe.of(earlier, build)
