"""The typed core of a config has every key of conf/train.yaml that is no part of a problem or an optimizer."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest
from conftest import compose_config

from descentlab.config.shape import KEYS
from descentlab.store.core import NODES, Core

# Keys with a type of their own: parts that a class builds, and the nodes of optim.
OTHERS = {
    "data", "model", "task", "optimizer", "schedule", "momentum_schedule", "decay_schedule", "auxiliary", "baseline", "groups",
    "needs", "search", "clip", "noise", "decay", "lr_decay", "average", "callbacks", "diagnostics", "alerts", "report",
    "records", "start_from", "branch", "half_life", "orthogonal_gradient", "project",
}  # fmt: skip


def test_core_has_each_key_of_the_config():
    config = compose_config()[0]
    assert {field.name for field in fields(Core)} == set(config) - OTHERS
    assert {name: tuple(field.name for field in fields(kind)) for name, kind in NODES.items()} == {
        name: KEYS[name] for name in NODES
    }


@pytest.mark.parametrize("words", [[], ["trainer=ddp", "trainer.num_nodes=2", "logger=wandb"], ["batch_size=full", "~logger"]])
def test_core_has_the_values_of_the_config(words):
    config = compose_config(*words)[0]
    core = Core.of(config)
    logger = {"entity": None, "live": False, **config["logger"]}
    assert asdict(core) == {**{key: config[key] for key in asdict(core)}, "logger": logger}
    assert core.trainer.processes == config["trainer"]["devices"] * config["trainer"]["num_nodes"]


def test_core_of_a_job(job):
    made = job("seed=3", "stop.patience=2")
    assert (made.core.seed, made.core.stop.patience, made.core.threads) == (3, 2, 1)


def test_a_missing_key_is_an_error():
    config = compose_config()[0]
    with pytest.raises(KeyError, match="threads"):
        Core.of({key: value for key, value in config.items() if key != "threads"})
