"""A run composed from a copy equals the run composed by Hydra itself: the same config, choices and mistakes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
import pytest
from conftest import ROOT
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from descentlab.config.compose import Composed, Composer, compose_all
from descentlab.config.explain import explain
from descentlab.errors import UsageError

LISTS = 34  # a quarter of all

CHOICES: list[list[str]] = [
    [],
    ["optimizer=sgd"],
    ["optimizer=momentum", "problem=digits_softmax"],
    ["optimizer=adagrad", "schedule=cosine", "trainer=cpu"],
    ["optimizer='rmsprop'", "logger=none"],
    ["problem=quadratic_deep", "optimizer=nesterov"],
    ["problem=diabetes_linear", "model=cnn_2c2d"],
    ["problem=breast_cancer_logistic", "task=classification"],
    ["problem=fashion_mnist_2c2d", "debug=smoke"],
    ["~debug", "optimizer=adamw"],
    ["~logger=wandb"],
    ["optimizer=[adam,momentum]"],
    ["+optimizer@second=sgd"],
    ["+model@inner=linear"],
]
WRONG_CHOICES: list[list[str]] = [
    *(["~optimizer=sgd"], ["optimizer=adm"], ["optimizer=sgd,adam"], ["optimizer=5"], ["optimizer@there=sgd"]),
    *(["++optimizer=sgd"], ["+optimizer=sgd"], ["optimizer=null"], ["model=${task}"], ["model@_global_=mlp"]),
]
SETTINGS: list[str] = [
    *("seed=3", "seed=4.5", "optimizer.lr=0.1", "optimizer.lr=1e-3", "batch_size=full", "target=null", "sweep=hydra", "sweep="),
    *("optimizer.momentum=0.5", "optimizer.lr.deep=1", "optimizer.fused=null", "deterministic=True", "stop.patience=-2"),
    *("optimizer.betas=[0.5,0.9]", "optimizer.betas=[]", "model.hidden=[8,[4],{a:b}]", "optimizer.betas.0=0.3"),
    *("budget={epochs:null,steps:3}", "optimizer={lr:0.5}", "+optimizer={lr:0.5,extra:1}", "++optimizer={}", "task={}"),
    *("+model.extra=1", "+model.extra={a:{b:1}}", "++model.extra=2", "++optimizer.lr=2", "+deep.er.key=1"),
    *("+several=[1,{a:2},null]", "++several.1.a=3", "++optimizer.betas=[1]", "++fresh={x:[1,2]}", "+key.hydra=1"),
    *("~optimizer.lr", "~optimizer.lr=null", "~budget.epochs=10", "~target", "~seed=0", "~budget", "~optimizer.fused"),
    *("data_seed=${batch_size}", "data_seed=${optimizer.lr}", "+when=${now:%Y}", "output_dir=${oc.env:HOME}/x"),
    *("+copy=${optimizer}", "++copy.lr=3", "~copy", "target=${.seed}", "sweep=${seed}-${batch_size}", "data_dir='${seed}'"),
    *("sweep='a b'", 'sweep="x,y=z"', r"sweep='it\'s'", r"sweep=a\ b", "++several={hydra:1}", "output_dir=/tmp/hydra/x"),
    "output_dir=${hydra.job.name}",
]
WRONG_SETTINGS: list[str] = [
    *(
        "optimizer.betas.9=1",
        "optimizer.betas.x=1",
        "budget={days:1}",
        "+optimizer.lr=2",
        "~optimizer.lr=5",
        "~optimizer.nothing",
    ),
    *(
        "seed=${nowhere.at.all}",
        "seed=???",
        "output_dir=${oc.env:NOT_THERE}",
        "optimizer.lr@there=1",
        "seed=1,2",
        "seed=range(3)",
    ),
    *("foo=1", "optimiser=adam", "data.limit=[1", "optimizer.lr", "=1", "~not_there"),
]


def command_lines(quarter: int) -> list[list[str]]:
    """Return choices of groups with settings in random positions; about half of the lines contain a mistake."""
    draw = random.Random(quarter)

    def line() -> list[str]:
        choice = draw.choice((CHOICES if draw.random() < 0.85 else WRONG_CHOICES)[quarter::4])
        settings = draw.sample(SETTINGS, draw.choice([0, 1, 2, 2, 3, 4]))
        words = [*choice, *settings, *draw.sample(WRONG_SETTINGS, draw.random() < 0.2)]
        draw.shuffle(words)
        return words

    return [line() for _ in range(LISTS)]


@contextmanager
def command(conf_dir: Path, *overrides: str) -> Iterator[tuple[ConfigLoaderImpl, DictConfig]]:
    """Provide the arguments that Hydra passes to a launcher: its loader, and the config composed before the runs."""
    with hydra.initialize_config_dir(str(conf_dir), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        assert isinstance(loader, ConfigLoaderImpl)
        yield loader, loader.load_configuration("train", list(overrides), RunMode.MULTIRUN)


def outcome(compose: Callable[[Sequence[str]], Composed], overrides: Sequence[str]) -> dict[str, Any]:
    """Return all observable results of a composition, or of the error that ended it."""
    try:
        composed = compose(overrides)
    except Exception as error:
        cause = error.__cause__
        explained = explain(error, overrides)
        return {"error": (type(error), str(error)), "cause": (type(cause), str(cause)), "explained": explained}
    config, unresolved = composed.config, OmegaConf.to_container(composed.config)
    seen = {"config": repr(unresolved), "choices": dict(composed.choices), "struct": OmegaConf.is_struct(config)}
    try:
        return {**seen, "resolved": repr(OmegaConf.to_container(config, resolve=True))}
    except Exception as error:
        return {**seen, "unresolvable": (type(error), str(error))}


def parsed(words: Sequence[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(words))


def composed_runs(loader: ConfigLoaderImpl, master: DictConfig, jobs: Sequence[Sequence[str]]) -> Iterator[Composed]:
    return compose_all(Composer(loader, master), [parsed(job) for job in jobs])


def by_hydra(loader: ConfigLoaderImpl, master: DictConfig) -> Callable[[Sequence[str]], Composed]:
    def compose(overrides: Sequence[str]) -> Composed:
        config = loader.load_sweep_config(master, list(overrides))
        choices = dict(config.hydra.runtime.choices)
        OmegaConf.set_struct(config, False)
        del config["hydra"]
        OmegaConf.set_struct(config, True)
        return Composed(config, choices, overrides)

    return compose


def assert_same(loader: ConfigLoaderImpl, master: DictConfig, jobs: Sequence[Sequence[str]]) -> Counter[str]:
    """Compare all `jobs`; returns the number of jobs with each kind of outcome."""
    composer, reference, kinds = Composer(loader, master), by_hydra(loader, master), Counter[str]()

    def ours(words: Sequence[str]) -> Composed:
        return composer.compose(parsed(words))

    for overrides in jobs:
        expected = outcome(reference, overrides)
        assert outcome(ours, overrides) == expected, overrides
        kinds.update(expected.keys() & {"error", "resolved", "unresolvable"})
    return kinds


@pytest.mark.parametrize("quarter", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3))])
def test_composed_runs_equal_those_of_hydra(quarter):
    with command(ROOT / "conf", "hydra.job.name=someone", "seed=9") as (loader, master):
        kinds = assert_same(loader, master, command_lines(quarter))
    assert kinds["error"] > 5
    assert kinds["resolved"] > 5


def test_the_order_of_values_is_kept():
    jobs = [
        ["optimizer.lr=2", "optimizer={lr:3}"],
        ["optimizer={lr:3}", "optimizer.lr=2"],
        ["~optimizer.lr", "optimizer=sgd", "+optimizer.lr=1", "optimizer={lr:3}", "~optimizer.lr=3"],
        ["+name=${hydra.job.name}", "~name=someone"],
        ["+name=${hydra.job.name}", "+name=2"],
    ]
    with command(ROOT / "conf", "hydra.job.name=someone") as (loader, master):
        assert assert_same(loader, master, jobs) == {"resolved": 4, "error": 1}


def test_groups_and_options_found_on_the_search_path(tmp_path):
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "one.yaml").write_text("value: 1")
    with command(ROOT / "conf", f"hydra.searchpath=[{tmp_path}]") as (loader, master):
        kinds = assert_same(
            loader, master, [["+extra=one"], ["+extra=one", "extra.value=2"], ["+extra=two"], ["extra.value=2"]]
        )
    assert kinds == {"resolved": 2, "error": 2}


def test_a_config_that_refers_to_hydras_own_node(tmp_path):
    (tmp_path / "train.yaml").write_text("name: ${hydra.job.name}\nother: 1\nlist: [1]")
    with command(tmp_path, "hydra.job.name=someone") as (loader, master):
        assert_same(loader, master, [[], ["~name=someone"], ["~name=else"], ["+name=2"], ["other=2"], ["+list.0=2", "~list"]])


def test_now_is_the_same_in_all_runs(tmp_path):
    (tmp_path / "train.yaml").write_text("when: ${now:%f}\nother: 1")
    with command(tmp_path) as (loader, master):
        when = master.when
        assert {run.config.when for run in composed_runs(loader, master, [["other=2"], ["other=3"]])} == {when}


def test_hydra_composes_each_choice_of_groups_once(monkeypatch):
    jobs = [[f"optimizer={name}", f"seed={seed}", "+new=1"] for name in ("adam", "sgd", "momentum") for seed in range(20)]
    with command(ROOT / "conf") as (loader, master):
        composed: list[list[str]] = []
        whole = loader.load_configuration
        monkeypatch.setattr(loader, "load_configuration", lambda name, o, *mode: composed.append(o) or whole(name, o, *mode))
        runs = list(composed_runs(loader, master, jobs))
    assert composed == [["optimizer=adam"], ["optimizer=sgd"], ["optimizer=momentum"]]
    assert [(run.choices["optimizer"], run.config.seed) for run in runs] == [(n[10:], int(s[5:])) for n, s, _ in jobs]


def test_runs_do_not_share_values():
    with command(ROOT / "conf") as (loader, master):
        first, second = composed_runs(loader, master, [["+new=[1]", "~target", "optimizer.betas.0=0.5"], []])
    assert list(first.config.optimizer.betas) == [0.5, 0.999]
    assert list(second.config.optimizer.betas) == [0.9, 0.999]
    assert "new" not in second.config
    assert "target" in second.config


def test_one_message_lists_the_mistakes_of_all_runs():
    jobs = [
        [f"optimizer={name}", "optimizer.momentum=0.5", f"seed={seed}"]
        for seed in (1, 2)
        for name in ("adam", "sdg", "momentum")
    ]
    with command(ROOT / "conf") as (loader, master), pytest.raises(UsageError) as error:
        list(composed_runs(loader, master, jobs))
    message = str(error.value)
    assert message.count("unknown key momentum in optimizer=adam") == 1
    assert message.count("did you mean sgd?") == 1
    assert message.endswith("Nothing was started.")
